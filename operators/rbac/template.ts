import {
  isPaused,
  type RoleTemplate,
  type RoleTemplateBinding,
  RoleTemplateResource,
  type RoleTemplateStatus,
} from '#api';
import {
  type Client,
  type ConditionIntent,
  findCondition,
  jsonEqual,
  mergeConditions,
  type ReconcileContext,
  type Result,
} from '#runtime';
import { readLive } from '../engagement/verdicts.ts';
import { FOREIGN_RULES } from './foreign-rules.ts';
import type { HubSays } from './says.ts';

/** Clusters of which a message names foreign ClusterRoles. */
const CLUSTERS_NAMED = 20;

export interface TemplateScope {
  readonly client: Client;
  readonly says: HubSays;
  /** uid of the hub's kube-system namespace. */
  readonly hub: () => string;
  readonly now: () => number;
}

/** Says of a RoleTemplate whether it can be had; finds out of one that is not there whether somebody deleted it. */
export async function reconcileRoleTemplate(
  { client, says, hub, now }: TemplateScope,
  name: string,
  { signal }: ReconcileContext,
): Promise<Result | undefined> {
  const template = says.templates.get(name);
  if (!template) {
    if (says.known && (await isDeleted(client, name, hub(), signal))) says.templateGone(name);
    return undefined;
  }
  const status = templateStatusOf(says, template, now());
  if (status) await client.applyStatus(RoleTemplateResource, { metadata: { name }, status }, { signal });
  return undefined;
}

/** Read from the server: that nobody has a role any more can't be undone, and the API may be about to be uninstalled. */
async function isDeleted(client: Client, name: string, hub: string, signal: AbortSignal): Promise<boolean> {
  const { uid, uninstalled, live } = await readLive(client, RoleTemplateResource, { name }, signal);
  return uid === hub && !uninstalled && !live;
}

function templateStatusOf(says: HubSays, template: RoleTemplate, now: number): RoleTemplateStatus | undefined {
  const { name = '', generation: observedGeneration = 0 } = template.metadata;
  const before = template.status ?? {};
  const users = says.book.inheritors(name);
  const bindings = users.reduce((count, user) => count + says.bindingsOf(user).length, 0);
  const conditions = mergeConditions(before.conditions, conditionsOf(says, template), { now, observedGeneration });
  const status: RoleTemplateStatus = { observedGeneration, bindings, conditions };
  return jsonEqual(status, before) ? undefined : status;
}

function conditionsOf(says: HubSays, { metadata }: RoleTemplate): ConditionIntent[] {
  const problem = says.book.problem(metadata.name ?? '');
  const conditions: ConditionIntent[] = problem
    ? [
        { type: 'Ready', status: 'False', reason: problem.reason, message: problem.message },
        { type: 'Stalled', status: 'True', reason: problem.reason, message: problem.message },
      ]
    : [
        {
          type: 'Ready',
          status: 'True',
          reason: 'Valid',
          message: ['can be bound', ...foreign(says, metadata.name ?? '')].join('; '),
        },
      ];
  if (isPaused(metadata))
    conditions.push({
      type: 'Paused',
      status: 'True',
      reason: 'Annotated',
      message: 'annotation paddock.dev/paused has no meaning for a RoleTemplate: pause its bindings',
    });
  return conditions;
}

/** What bindings of the template say of ClusterRoles that claim to be part of it. */
function foreign(says: HubSays, name: string): string[] {
  const messages = says.bindingsOf(name).flatMap(binding => foreignRulesOf(binding) ?? []);
  return [...new Set(messages)].sort().slice(0, CLUSTERS_NAMED);
}

/** What a binding says of them. */
export function foreignRulesOf({ status }: RoleTemplateBinding): string | undefined {
  return findCondition(status?.conditions, FOREIGN_RULES)?.message;
}
