import { finalizer, type Project, ProjectResource, parseClusterNamespace } from '#api';
import type { Client } from '#runtime';
import { Verdicts } from '../engagement/verdicts.ts';

export const FINALIZER = finalizer('project');

/** What is found out about Projects that are being deleted. */
export function projectVerdicts(client: Client, hub: () => string): Verdicts<Project> {
  const clusterOf = ({ metadata }: Project) => parseClusterNamespace(metadata.namespace ?? '');
  return new Verdicts({ client, hub, kind: ProjectResource, clusterOf });
}
