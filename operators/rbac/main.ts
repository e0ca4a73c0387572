import { ANNOTATION_OWNER_UID, fieldManager, parseClusterNamespace, type RoleTemplateBinding } from '#api';
import { Controller, type KubeObject } from '#runtime';
import { FollowClusters } from '../engagement/follow.ts';
import { RoleBindings, Roles } from '../engagement/rbac-kinds.ts';
import type { SetUp } from '../settings.ts';
import { absentProjectKey, reconcileAbsentProject } from './absent-projects.ts';
import { reconcileAccess } from './access.ts';
import { HUB_OBJECTS } from './access-objects.ts';
import type { AccessScope } from './access-scope.ts';
import { accessOfSecret } from './account.ts';
import { type BindingScope, reconcileBinding } from './binding.ts';
import { accessVerdicts, bindingVerdicts } from './deletion.ts';
import { Engagements } from './engagements.ts';
import { derivedName } from './global.ts';
import type { Place } from './grants.ts';
import { Guards } from './guards.ts';
import { HubGrants } from './hub-grants.ts';
import { accessSecrets, KnownKubeconfigs } from './kubeconfigs.ts';
import { Patience } from './patience.ts';
import { accessKey, HubPeople } from './people.ts';
import { bindingKey, HubSays } from './says.ts';
import { hubSources } from './sources.ts';
import { foreignRulesOf, reconcileRoleTemplate } from './template.ts';
import { TemplateParameters } from './template-parameters.ts';

/** A status waits so long for what else changes, ms. */
const STATUS_MS = 100;
/** How often a RoleTemplate's status counts its bindings at most, ms. */
const COUNT_MS = 1_000;
const BACKOFF_MS = [5, 30_000] as const;

/**
 * The rbac operator: in the hub one controller over bindings, one over RoleTemplates and one over what they allow there;
 * on each engaged cluster one over roles and who has them.
 */
export const setUpRbac: SetUp = ({ manager, hubCredentials, transport }) => {
  const { hub, log } = manager;
  const manage = fieldManager('rbac');
  const client = hub.client.as(manage);
  const sources = hubSources(hub);
  const { clusters } = sources;
  const says = new HubSays(sources);
  const people = new HubPeople(sources, says);
  const changed = (cluster: string, place?: Place) => {
    for (const binding of says.bindingsIn(cluster, place)) bindings.add(bindingKey(binding), { afterMs: STATUS_MS });
  };
  const inHub = (place: Place) => changed(place.cluster, place);
  const hubGrants = new HubGrants({ manager, fieldManager: manage, says, people, changed: inHub });
  const verdicts = bindingVerdicts(client, () => hub.uid);
  const engagements = new Engagements({
    manager,
    fieldManager: manage,
    says,
    people,
    guards: new Guards(clusters),
    settled: keys => {
      for (const key of keys.bindings) bindings.add(key, { afterMs: STATUS_MS });
      for (const key of keys.accesses) accesses.add(key);
    },
    unknownTemplate: name => templates.add(name),
    changed,
  });
  const patience = new Patience();
  const scope: BindingScope = {
    client,
    says,
    clusters,
    verdicts,
    engagements,
    hubGrants,
    patience,
    recorder: manager.recorder,
    hub: () => hub.uid,
    now: Date.now,
    unknownProject: place => absentProjects.add(absentProjectKey(place)),
  };
  const absentProjects = new Controller({
    name: 'rbac-absent-projects',
    log,
    reconcile: (key, context) => reconcileAbsentProject({ client, says, verdicts, hub: () => hub.uid }, key, context),
    backoffMs: BACKOFF_MS,
  });
  const bindings = new Controller({
    name: 'rbac-bindings',
    log,
    reconcile: (key, context) => reconcileBinding(scope, key, context),
    groupOf: key => key.split('/')[0] ?? '',
    backoffMs: BACKOFF_MS,
  });
  const templates = new Controller({
    name: 'rbac-templates',
    log,
    reconcile: (name, context) =>
      reconcileRoleTemplate({ client, says, hub: () => hub.uid, now: Date.now }, name, context),
    backoffMs: BACKOFF_MS,
  });

  const hubRoles = hub.cache.informer(Roles, HUB_OBJECTS);
  const hubBindings = hub.cache.informer(RoleBindings, HUB_OBJECTS);
  const secrets = accessSecrets(hub);
  const accessScope: AccessScope = {
    client,
    people,
    clusters,
    engagements,
    verdicts: accessVerdicts(client, () => hub.uid),
    roles: hubRoles,
    bindings: hubBindings,
    secrets,
    known: new KnownKubeconfigs(),
    recorder: manager.recorder,
    hub: () => hub.uid,
    now: Date.now,
  };
  const accesses = new Controller({
    name: 'rbac-accesses',
    log,
    reconcile: (key, context) => reconcileAccess(accessScope, key, context),
    // by person: many accesses of one hold up nobody else's
    groupOf: key => `${key.split('/')[0]}/${people.accesses.get(key)?.spec.user ?? ''}`,
    backoffMs: BACKOFF_MS,
  });

  says.follow();
  people.follow();
  people.subscribe(({ accesses: uids }) => {
    for (const uid of uids) for (const key of keysOfAccess(people, uid)) accesses.add(key);
  });
  engagements.follow();
  manager.add({
    start: signal => {
      engagements.start(signal);
      bindings
        .watches(says.bindings, binding => [bindingKey(binding)], { ownWrites: false })
        // those that global ones give are made by this process, and the watch may tell of them after the answer
        .watches(says.bindings, binding => [bindingKey(binding)], { predicate: (_binding, old) => !old })
        .watches(says.bindings, binding => globalKeys(says, binding), { ownWrites: false, afterMs: STATUS_MS })
        .watches(clusters, ({ metadata }) => keysOfCluster(says, metadata.name ?? ''), { afterMs: STATUS_MS })
        .watches(says.projects, ({ metadata }) => keysOfNamespace(says, metadata.namespace ?? ''), {
          predicate: (now, old) => !old || now.metadata.deletionTimestamp !== old.metadata.deletionTimestamp,
          afterMs: STATUS_MS,
        });
      templates
        .watches(says.templates, ({ metadata }) => related(says, metadata.name ?? ''), { ownWrites: false })
        .watches(says.bindings, ({ spec }) => says.book.parts(spec.roleTemplateName), {
          predicate: (binding, old) => !old || foreignRulesOf(binding) !== foreignRulesOf(old),
          afterMs: COUNT_MS,
        });
      says.subscribe(({ place, template }) => {
        if (place?.project !== undefined && says.isAbsent(place)) inHub(place);
        // of all bindings there, one that did not fit may fit now
        if (place && template === undefined)
          for (const binding of says.bindingsIn(place.cluster, place))
            bindings.add(bindingKey(binding), { afterMs: STATUS_MS });
        if (place || template === undefined) return;
        for (const name of new Set([template, ...says.book.inheritors(template)]))
          for (const binding of says.bindingsOf(name)) bindings.add(bindingKey(binding), { afterMs: STATUS_MS });
      });
      const ofAccess = (object: KubeObject) => keysOfAccess(people, accessOfSecret(object.metadata?.name ?? ''));
      accesses
        .watches(people.accesses, access => [accessKey(access)], { ownWrites: false })
        .watches(clusters, ({ metadata }) => people.keysIn(metadata.name ?? ''), { afterMs: STATUS_MS })
        .watches(hubRoles, ofAccess, { ownWrites: false })
        .watches(hubBindings, ofAccess, { ownWrites: false })
        .watches(secrets, ofAccess, { ownWrites: false });
      void Promise.all([
        people.whenSynced(signal),
        says.whenSynced(signal),
        clusters.whenSynced(signal),
        secrets.whenSynced(signal),
        hubGrants.whenSynced(signal),
      ]).then(
        () => {
          hubGrants.start(signal);
          bindings.start(signal);
          absentProjects.start(signal);
          templates.start(signal);
          accesses.start(signal);
        },
        () => undefined,
      );
    },
    stopped: async () => {
      await Promise.all([
        accesses.stopped(),
        bindings.stopped(),
        absentProjects.stopped(),
        templates.stopped(),
        hubGrants.stopped(),
        engagements.stopped(),
      ]);
    },
  });
  manager.add(new TemplateParameters({ manager, client, templates: says.templates }));
  manager.add(
    new FollowClusters({ manager, fieldManager: manage, hubCredentials, ...(transport ? { transport } : {}) }),
  );
};

/** The global bindings that one was derived from, or stands in the way of. */
function globalKeys(says: HubSays, { metadata }: RoleTemplateBinding): string[] {
  const isConcerned = (global: RoleTemplateBinding) =>
    global.metadata.uid === metadata.annotations?.[ANNOTATION_OWNER_UID] ||
    derivedName(global.metadata.name ?? '') === metadata.name;
  return says.globals.filter(isConcerned).map(bindingKey);
}

/** The templates whose status may change with one of them. */
function related({ book }: HubSays, name: string): string[] {
  return [...new Set([name, ...book.parts(name), ...book.inheritors(name)])];
}

function keysOfCluster(says: HubSays, cluster: string): string[] {
  return [...says.bindingsIn(cluster), ...says.globals].map(bindingKey);
}

function keysOfAccess(people: HubPeople, uid: string): string[] {
  const access = people.access(uid);
  return access ? [accessKey(access)] : [];
}

function keysOfNamespace(says: HubSays, namespace: string): string[] {
  return says.bindingsIn(parseClusterNamespace(namespace) ?? '').map(bindingKey);
}
