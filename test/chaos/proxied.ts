import { ChaosProxy } from '../support/chaos-proxy.ts';
import type { Site } from '../support/fleet.ts';

/** A proxy in front of a site's API server, and a kubeconfig that goes through it. */
export interface ProxiedSite {
  readonly proxy: ChaosProxy;
  readonly kubeconfig: string;
}

export async function proxied({ controlPlane }: Site): Promise<ProxiedSite> {
  const { hostname, port } = new URL(controlPlane.url);
  const proxy = await ChaosProxy.start({ targetHost: hostname, targetPort: Number(port) });
  // the certificate is for the host, whatever the port
  const kubeconfig = controlPlane.adminKubeconfig.replace(controlPlane.url, `https://${hostname}:${proxy.port}`);
  return { proxy, kubeconfig };
}
