import { ANNOTATION_QUOTA_REVISION, ownerLabel, type Project } from '#api';
import { jsonEqual } from '#runtime';
import { POLICY_NAME } from '../engagement/policy-kinds.ts';
import { type CopyOwner, quotaTemplate, type Template } from './desired.ts';
import type { Copy } from './kinds.ts';
import type { Members } from './members.ts';
import { type Amounts, type Books, deal, type Held, type Lack, sumOf } from './quota.ts';
import { amountsOf, noneOf, type quotaOf, textOf, type Wanted, wantedBy } from './quota-share.ts';
import { enforcedOf, uncountedOf, usedOf } from './quota-used.ts';

export type Ledger = NonNullable<NonNullable<Project['status']>['quota']>;

/** What a project's namespaces have of its quota, as it was dealt out last. */
export interface Shares {
  /** That of the ledger in force: what is below may be written while the project's status has it. */
  readonly revision: number;
  /** The ResourceQuota of each member namespace. */
  readonly templates: ReadonlyMap<string, Template>;
  readonly lacking: readonly Lack[];
  /** Namespaces that are beyond what a ledger holds. */
  readonly crowdedOut: readonly string[];
  /** Keys of the quota that the cluster does not count. */
  readonly uncounted: readonly string[];
  /** Overrides that can't be read, by namespace. */
  readonly unreadable: ReadonlyMap<string, string>;
  /** Keys of overrides that the quota does not have, by namespace. */
  readonly ignored: ReadonlyMap<string, readonly string[]>;
}

interface WantedShare {
  readonly hard: Readonly<Record<string, string>>;
  /** The namespace has it, under a revision that stands. */
  readonly isRight: boolean;
  /** That revision. */
  readonly revision: number | undefined;
}

/** One deal of a project's quota, from what is known of its namespaces. */
export class Round {
  /** What the ledger has to be before shares are written. */
  readonly ledger: Ledger;
  readonly wanted: ReadonlyMap<string, WantedShare>;
  readonly #dealt: ReturnType<typeof deal>;
  readonly #overrides: ReadonlyMap<string, Wanted>;
  readonly #uncounted: readonly string[];

  constructor(
    project: Project,
    quota: NonNullable<ReturnType<typeof quotaOf>>,
    members: Members,
    { beyond, ...left }: Pick<Books, 'departing' | 'taken'> & { readonly beyond: ReadonlySet<string> },
  ) {
    const { name = '' } = project.metadata;
    const { hard, share } = quota;
    const namespaces = members.of(name);
    const before = project.status?.quota;
    const known = new Set([
      ...namespaces.map(({ metadata }) => metadata?.name),
      ...Object.keys(before?.namespaces ?? {}),
    ]);
    // one elsewhere with the project's marks is somebody's forgery, unless the ledger tells of it or is lost
    const objects = members
      .ofOwner('ResourceQuota', ownerLabel('project', name))
      .filter(({ metadata }) => !before || known.has(metadata?.namespace));
    const byNamespace = new Map(objects.map(copy => [copy.metadata?.namespace ?? '', copy]));
    const books = { ...booksOf(project, byNamespace, hard), ...left };
    this.#overrides = new Map(
      namespaces.map(({ metadata }) => {
        const { name: namespace = '', annotations } = metadata ?? {};
        return [namespace, beyond.has(namespace) ? noneOf(share) : wantedBy(annotations, share)];
      }),
    );
    const claims = namespaces.map(({ metadata }) => {
      const { name: namespace = '', creationTimestamp } = metadata ?? {};
      return { namespace, since: `${creationTimestamp}`, wanted: this.#overrides.get(namespace)?.amounts };
    });
    this.#dealt = deal(hard, claims, books);
    const figures = objects.flatMap(({ quota: each }) => each ?? []);
    this.#uncounted = uncountedOf(figures, hard.keys());
    const promised = Object.fromEntries([...this.#dealt.ledger].map(([each, amounts]) => [each, textOf(amounts)]));
    // a revision from before the ledger was lost, or that somebody wrote, is never that of a promise to come
    const latest = Math.max(books.revision, ...[...books.held.values()].map(({ revision = 0 }) => revision));
    const isChange = !before?.revision || latest > books.revision || !jsonEqual(before.namespaces, promised);
    this.ledger = {
      hard: textOf(hard),
      allocated: textOf(sumOf(this.#dealt.ledger.values(), hard.keys())),
      used: textOf(
        sumOf(
          figures.map(usedOf),
          [...hard.keys()].filter(key => !this.#uncounted.includes(key)),
        ),
      ),
      revision: isChange ? latest + 1 : books.revision,
      namespaces: promised,
    };
    this.wanted = new Map(
      [...this.#dealt.shares].map(([namespace, { hard: amounts, again }]) => {
        const held = books.held.get(namespace);
        const text = textOf(amounts);
        const has = byNamespace.get(namespace)?.quota?.hard;
        const isRight = held?.revision !== undefined && !again && jsonEqual(has, text);
        return [namespace, { hard: text, isRight, revision: isRight ? held.revision : undefined }];
      }),
    );
  }

  /** What is to be told; the same as before where nothing of it is new. */
  shares(before: Shares | undefined, owner: CopyOwner): Shares {
    const revision = this.ledger.revision ?? 0;
    const templates = new Map(
      [...this.wanted].map(([namespace, wanted]) => {
        const template = quotaTemplate(POLICY_NAME, wanted.hard, wanted.revision ?? revision, owner);
        const known = before?.templates.get(namespace);
        return [namespace, known?.json === template.json ? known : template];
      }),
    );
    const overrides = [...this.#overrides];
    return {
      revision,
      templates,
      lacking: this.#dealt.lacking,
      crowdedOut: this.#dealt.crowdedOut,
      uncounted: this.#uncounted,
      unreadable: new Map(
        overrides.flatMap(([namespace, { problem }]) => (problem === undefined ? [] : [[namespace, problem]])),
      ),
      ignored: new Map(
        overrides.flatMap(([namespace, { ignored }]) => (ignored.length === 0 ? [] : [[namespace, ignored]])),
      ),
    };
  }
}

function booksOf({ status }: Project, objects: ReadonlyMap<string, Copy>, keys: Amounts): Books {
  const { namespaces, revision = 0 } = status?.quota ?? {};
  const held = new Map<string, Held>(
    [...objects].map(([namespace, copy]) => {
      const hard = [...amountsOf(copy.quota?.hard ?? {})].filter(([key]) => keys.has(key));
      const figures = copy.quota && { enforced: enforcedOf(copy.quota), used: usedOf(copy.quota) };
      return [namespace, { hard: new Map(hard), revision: revisionOf(copy), ...figures }];
    }),
  );
  const ledger = namespaces && new Map(Object.entries(namespaces).map(([name, each]) => [name, amountsOf(each)]));
  return { ledger, revision, held };
}

/** The revision that an object carries; undefined for what is none. */
export function revisionOf(object: Pick<Copy, 'metadata'> | Template): number | undefined {
  const annotations = 'annotations' in object ? object.annotations : object.metadata?.annotations;
  const text = annotations?.[ANNOTATION_QUOTA_REVISION] ?? '';
  return /^[1-9][0-9]{0,14}$/.test(text) ? Number(text) : undefined;
}
