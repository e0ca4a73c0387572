import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Namespaces } from '#runtime';
import type { Site } from '../support/fleet.ts';

/** Stops a control plane, keeps a copy of its etcd and starts it again. */
export async function backUp({ controlPlane }: Site): Promise<void> {
  const [etcd, backup] = folders(controlPlane.dir);
  await controlPlane.stopProcesses();
  cpSync(etcd, backup, { recursive: true });
  await controlPlane.start();
}

/** Puts the copy back, under the same address: whatever came after it has never been, resource versions included. */
export async function restore({ controlPlane }: Site): Promise<void> {
  const [etcd, backup] = folders(controlPlane.dir);
  await controlPlane.stopProcesses();
  rmSync(etcd, { recursive: true });
  cpSync(backup, etcd, { recursive: true });
  await controlPlane.start();
}

/** Starts a control plane under the same address with nothing in it. */
export async function reinstall({ controlPlane }: Site): Promise<void> {
  const [etcd] = folders(controlPlane.dir);
  await controlPlane.stopProcesses();
  rmSync(etcd, { recursive: true });
  await controlPlane.start();
}

/**
 * Makes so much history, where operators see it, that a restored server does not get past it by what it writes when
 * it starts: one that did could not be told from one that was never restored.
 */
export async function makeHistory({ client }: Site): Promise<void> {
  for (let change = 0; change < 500; change++) {
    const annotations = { 'example.com/change': String(change) };
    await client.mergePatch(Namespaces, { name: 'default' }, { metadata: { annotations } });
  }
}

function folders(dir: string): [etcd: string, backup: string] {
  return [join(dir, 'etcd'), join(dir, 'etcd-backup')];
}
