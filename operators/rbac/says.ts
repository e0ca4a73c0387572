import {
  ANNOTATION_OWNER_UID,
  clusterNamespace,
  type Project,
  parseClusterNamespace,
  type RoleTemplate,
  type RoleTemplateBinding,
} from '#api';
import { keyOf, keyString, type Watched } from '#runtime';
import { isGlobal, type Place, placeOf, type Share, type Standing, shareOf, standingOf } from './grants.ts';
import type { Installed } from './installed.ts';
import type { Sources } from './sources.ts';
import { SubjectBounds, tooManySubjects } from './subject-bounds.ts';
import { TemplateBook } from './templates.ts';
import { KnownSignal } from './until-known.ts';

const BY_PLACE = 'place';
const BY_ROLE = 'role';
const BY_OWNER = 'owner';
const BY_CLUSTER = 'cluster';
/** Of a global binding, which is of no cluster, in the index by cluster. */
const GLOBAL = '';

/** What may have changed for clusters. */
export interface Change {
  /** Undefined: everywhere. */
  readonly place?: Place;
  /** Undefined: any. */
  readonly template?: string;
}

/** What the hub says about access: who has which role where, and what the roles are. */
export class HubSays {
  readonly templates: Watched<RoleTemplate>;
  readonly bindings: Watched<RoleTemplateBinding>;
  readonly projects: Watched<Project>;
  readonly #kind: Installed;
  readonly #bounds: SubjectBounds;
  readonly #subscribers = new Set<(change: Change) => void>();
  readonly #whenKnown = new KnownSignal(() => this.known);
  /** Keys and uids of bindings that somebody deleted, which was read from the server. */
  readonly #revoked = new Set<string>();
  /** Templates that do not exist, which was read from the server. */
  readonly #gone = new Set<string>();
  /** Places whose Project does not exist, which was read from the server. */
  readonly #absent = new Set<string>();
  #book: TemplateBook | undefined;

  constructor({ templates, bindings, projects, installed }: Sources) {
    this.templates = templates;
    this.bindings = bindings;
    this.projects = projects;
    this.#kind = installed.bindings;
    this.#bounds = new SubjectBounds(bindings);
    this.bindings.addIndex(BY_PLACE, binding => placeKeys(placeOf(binding)));
    this.bindings.addIndex(BY_OWNER, ({ metadata }) => [metadata.annotations?.[ANNOTATION_OWNER_UID] ?? '']);
    this.bindings.addIndex(BY_CLUSTER, binding => [isGlobal(binding) ? GLOBAL : (placeOf(binding)?.cluster ?? GLOBAL)]);
    this.bindings.addIndex(BY_ROLE, ({ spec }) => [spec.roleTemplateName]);
  }

  /** The RoleTemplates as they are now. */
  get book(): TemplateBook {
    this.#book ??= new TemplateBook(this.templates.list());
    return this.#book;
  }

  /** Everything has been read and can be read now: what is not there was taken away. */
  get known(): boolean {
    return this.#read.every(({ known }) => known);
  }

  /** The kind of bindings is being uninstalled: bindings that go from now on were not taken from anybody. */
  letGo(): void {
    this.#kind.letGo();
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    await this.projects.whenSynced(signal); // in whose namespaces an agent reads bindings
    await Promise.all(this.#read.map(each => each.whenSynced(signal)));
  }

  /** The templates that bindings name in a place, sorted. */
  templatesIn(place: Place): string[] {
    const names = this.bindings.byIndex(BY_PLACE, placeKey(place)).map(({ spec }) => spec.roleTemplateName);
    return [...new Set(names)].sort();
  }

  /** The places of a cluster where bindings name the template. */
  placesOf(cluster: string, template: string): Place[] {
    const places = this.bindings.byIndex(BY_ROLE, template).map(placeOf);
    const found = places.filter(place => place !== undefined && place.cluster === cluster) as Place[];
    return [...new Map(found.map(place => [placeKey(place), place])).values()];
  }

  /** The bindings in a cluster, or in one place of it, those among them that were derived from global ones. */
  bindingsIn(cluster: string, place?: Place): RoleTemplateBinding[] {
    return place ? this.bindings.byIndex(BY_PLACE, placeKey(place)) : this.bindings.byIndex(BY_CLUSTER, cluster);
  }

  get globals(): RoleTemplateBinding[] {
    return this.bindings.byIndex(BY_CLUSTER, GLOBAL).filter(isGlobal);
  }

  /** The bindings of a template, wherever they are. */
  bindingsOf(template: string): RoleTemplateBinding[] {
    return this.bindings.byIndex(BY_ROLE, template);
  }

  /** The bindings that were derived from a global one. */
  derivedFrom({ metadata }: RoleTemplateBinding): RoleTemplateBinding[] {
    return this.bindings.byIndex(BY_OWNER, metadata.uid ?? '');
  }

  /** Who has the role in the place. */
  share(place: Place, template: string): Share {
    return shareOf(this.#bindingsOf(place, template), binding => this.standing(binding));
  }

  /** Somebody is given the role in the place. */
  isGiven(place: Place, template: string): boolean {
    return this.#bindingsOf(place, template).some(binding => this.standing(binding) === 'granted');
  }

  standing(binding: RoleTemplateBinding): Standing {
    if (this.#gone.has(binding.spec.roleTemplateName)) return 'none';
    const known = this.obstacle(binding) === undefined;
    return standingOf(binding, { known, revoked: this.isRevoked(binding) });
  }

  /** Why a binding gives nothing newly, for people; undefined when nothing is in its way. */
  obstacle(binding: RoleTemplateBinding): { readonly reason: string; readonly message: string } | undefined {
    const { roleTemplateName: name, scope } = binding.spec;
    const template = this.book.get(name);
    if (!template)
      return {
        reason: 'RoleTemplateNotFound',
        message: `RoleTemplate "${name}" does not exist: create it, or delete this binding`,
      };
    const wanted = scope.project ? 'Project' : 'Cluster';
    if (template.spec.context !== wanted)
      return {
        reason: 'WrongContext',
        message: `RoleTemplate "${name}" is of context ${template.spec.context}, and this binding's scope asks for one of context ${wanted}: bind another`,
      };
    const problem = this.book.problem(name);
    if (problem?.frozen) return { reason: problem.reason, message: `RoleTemplate "${name}": ${problem.message}` };
    if (isGlobal(binding)) return undefined;
    const place = placeOf(binding);
    if (!place)
      return {
        reason: 'Misplaced',
        message: `this binding can't be in namespace ${binding.metadata.namespace}: make it where its scope says`,
      };
    if (place.project !== undefined && !this.#stands(place.cluster, place.project))
      return {
        reason: 'ProjectNotFound',
        message: `Project ${clusterNamespace(place.cluster)}/${place.project} does not exist: create it, or delete this binding`,
      };
    return this.#bounds.isBeyond(binding) ? tooManySubjects(binding) : undefined;
  }

  /** The place's Project is there, be it that it is being deleted. */
  hasProject({ cluster, project = '' }: Place): boolean {
    return this.project(cluster, project) !== undefined;
  }

  project(cluster: string, name: string): Project | undefined {
    return this.projects.get(keyString({ namespace: clusterNamespace(cluster), name }));
  }

  /** The place's Project does not exist, which was read from the server. */
  isAbsent(place: Place): boolean {
    return this.#absent.has(placeKey(place));
  }

  /** There is no such Project: nobody has rights on its name until there is one. */
  projectGone(place: Place): void {
    if (this.isAbsent(place) || this.hasProject(place)) return;
    this.#absent.add(placeKey(place));
    this.#emit({ place });
  }

  /** Somebody deleted the template, which was read from the server. */
  isGone(name: string): boolean {
    return this.#gone.has(name);
  }

  /** Somebody deleted this template: nobody has what it allowed. */
  templateGone(name: string): void {
    if (this.#gone.has(name) || this.book.get(name)) return;
    this.#gone.add(name);
    this.#emit({ template: name });
  }

  /** Somebody deleted this binding: nobody keeps anything by it. */
  revoke(binding: RoleTemplateBinding): void {
    const { uid = '' } = binding.metadata;
    if (this.#revoked.has(uid)) return;
    this.#revoked.add(uid);
    this.#tell(binding);
  }

  /** Somebody deleted this binding, which was read from the server. */
  isRevoked({ metadata }: RoleTemplateBinding): boolean {
    return this.#revoked.has(metadata.uid ?? '');
  }

  /** Told what may have changed, once for each event. */
  subscribe(changed: (change: Change) => void): () => void {
    this.#subscribers.add(changed);
    return () => this.#subscribers.delete(changed);
  }

  /** Told each time that {@link known} has become true, but not where a kind was uninstalled and is back. */
  onKnown(told: () => void): () => void {
    return this.#whenKnown.subscribe(told);
  }

  /** Begins to tell its subscribers; before that everything is read anew by whoever starts. */
  follow(): void {
    const known = this.#whenKnown.partKnown;
    this.templates.subscribe({
      known,
      applied: (template, old) => this.#templateChanged(template, old),
      deleted: template => this.#templateChanged(template, undefined),
    });
    this.bindings.subscribe({
      known,
      applied: (binding, old) => {
        if (!old || matters(binding, old)) this.#tell(binding, old);
      },
      deleted: binding => {
        this.#revoked.delete(binding.metadata.uid ?? '');
        this.#tell(binding);
      },
    });
    this.projects.subscribe({
      known,
      applied: (project, old) => {
        if (!old || !project.metadata.deletionTimestamp !== !old.metadata.deletionTimestamp)
          this.#projectChanged(project);
      },
      deleted: project => this.#projectChanged(project),
    });
  }

  #bindingsOf(place: Place, template: string): RoleTemplateBinding[] {
    return this.bindingsIn(place.cluster, place).filter(({ spec }) => spec.roleTemplateName === template);
  }

  #stands(cluster: string, project: string): boolean {
    const found = this.project(cluster, project);
    return found !== undefined && found.metadata.deletionTimestamp === undefined;
  }

  #templateChanged(template: RoleTemplate, old: RoleTemplate | undefined): void {
    if (old && old.metadata.generation === template.metadata.generation && old.metadata.uid === template.metadata.uid)
      return;
    const name = template.metadata.name ?? '';
    const before = this.#book;
    this.#book = undefined;
    if (this.book.get(name)) this.#gone.delete(name);
    const affected = new Set([
      name,
      ...[before, this.book].flatMap(book => [...(book?.parts(name) ?? []), ...(book?.inheritors(name) ?? [])]),
    ]);
    for (const template of affected) this.#emit({ template });
  }

  #projectChanged({ metadata }: Project): void {
    const cluster = parseClusterNamespace(metadata.namespace ?? '') ?? '';
    const place = { cluster, project: metadata.name ?? '' };
    if (this.hasProject(place)) this.#absent.delete(placeKey(place));
    this.#emit({ place });
  }

  #tell(binding: RoleTemplateBinding, old?: RoleTemplateBinding): void {
    const place = placeOf(binding);
    if (!place) return;
    const template = binding.spec.roleTemplateName;
    this.#emit(this.#bounds.concernsOthers(binding, old) ? { place } : { place, template });
  }

  #emit(change: Change): void {
    for (const subscriber of this.#subscribers) subscriber(change);
  }

  get #read() {
    return [this.templates, this.bindings, this.projects, this.#kind] as const;
  }
}

/** What a binding gives depends on its spec, on finalizer, deletion and annotations; not on its status. */
export function matters(binding: RoleTemplateBinding, old: RoleTemplateBinding): boolean {
  const what = ({ metadata }: RoleTemplateBinding) =>
    JSON.stringify([
      metadata.uid,
      metadata.generation,
      metadata.deletionTimestamp,
      metadata.finalizers,
      metadata.annotations,
    ]);
  return what(binding) !== what(old);
}

export function bindingKey(binding: RoleTemplateBinding): string {
  return keyString(keyOf(binding));
}

function placeKey({ cluster, project = '' }: Place): string {
  return `${cluster}/${project}`;
}

function placeKeys(place: Place | undefined): string[] {
  return place ? [placeKey(place)] : [];
}
