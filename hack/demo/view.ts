import type { ClusterRow, EventRow, Picture, ProjectRow } from './picture.ts';

const MOST_EVENTS = 8;

export interface ViewOptions {
  /** Milliseconds since the epoch: ages are counted from here. */
  readonly now: number;
  /** Longest line, in characters. */
  readonly width: number;
  /** Most lines. Events give way first. */
  readonly height: number;
}

/** The picture as a few tables of at most `height` lines, none longer than `width`. */
export function renderView(picture: Picture, { now, width, height }: ViewOptions): string[] {
  const above = [
    ...table(['CLUSTER', 'CONNECTED', 'READY', 'VERSION'], picture.clusters.map(clusterCells)),
    ...picture.clusters.flatMap(explanation),
    '',
    ...table(['PROJECT', 'READY', 'NAMESPACES', 'COPIES', 'CONFLICTS'], picture.projects.map(projectCells)),
    ...picture.projects.flatMap(explanation),
    '',
    ...table(
      ['NAMESPACE', 'PROJECT', 'COPIES'],
      picture.namespaces.map(({ cluster, name, project, copies }) => [`${cluster}/${name}`, project, copies.join(' ')]),
    ),
    ...picture.interruptions.map(interruption => `can't be watched: ${interruption}`),
    '',
  ];
  const room = Math.min(MOST_EVENTS, Math.max(0, height - above.length - 1));
  const events = picture.events.slice(0, room).map(event => eventCells(event, now));
  return [...above, ...table(['AGE', 'EVENT', 'OBJECT', 'NOTE'], events)]
    .slice(0, height)
    .map(line => cut(line, width));
}

function clusterCells({ name, connected, ready, version }: ClusterRow): string[] {
  return [name, connected, ready, version];
}

function projectCells({ cluster, name, ready, namespaces, copies, conflicts }: ProjectRow): string[] {
  return [`${cluster}/${name}`, ready, `${namespaces}`, `${copies}`, `${conflicts.length}`];
}

/** Why something is not ready, below its table. */
function explanation({ name, message }: { readonly name: string; readonly message: string }): string[] {
  return message === '' ? [] : [`  ${name}: ${message}`];
}

function eventCells({ at, reason, regarding, note }: EventRow, now: number): string[] {
  return [age(now - at), reason, regarding, note];
}

/** `7s`, `3m`, `2h`: as short as kubectl's. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (!Number.isFinite(seconds)) return '?';
  if (seconds < 120) return `${seconds}s`;
  return seconds < 7_200 ? `${Math.floor(seconds / 60)}m` : `${Math.floor(seconds / 3_600)}h`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map(row => row[column]?.length ?? 0)));
  return all.map(row =>
    row
      .map((cell, column) => (cell || '-').padEnd(widths[column] ?? 0))
      .join('   ')
      .trimEnd(),
  );
}

function cut(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}

/**
 * What is in `after` and was not in `before`, one sentence each: the view for those who read lines, such as a log.
 * Events come last and in the order in which they happened.
 */
export function changes(before: Picture | undefined, after: Picture): string[] {
  const known = before ? statements(before) : new Map<string, string>();
  const now = statements(after);
  const changed = [...now].filter(([id, text]) => known.get(id) !== text).map(([, text]) => text);
  const gone = [...known.keys()].filter(id => !id.startsWith('event ') && !now.has(id)).map(id => `${id}: gone`);
  return [...changed, ...gone];
}

function statements({ clusters, projects, namespaces, events, interruptions }: Picture): Map<string, string> {
  const all = new Map<string, string>();
  const state = (id: string, text: string) => all.set(id, `${id}: ${text}`);
  for (const { name, connected, ready, version, message } of clusters)
    state(`cluster ${name}`, sentence(`connected ${connected || '-'}`, `ready ${ready || '-'}`, version, message));
  for (const { cluster, name, ready, message, ...counts } of projects) {
    const { namespaces: members, copies, conflicts } = counts;
    const numbers = [`${members} namespaces`, `${copies} copies`, `${conflicts.length} conflicts`];
    state(`project ${cluster}/${name}`, sentence(`ready ${ready || '-'}`, ...numbers, message));
  }
  for (const { cluster, name, project, copies } of namespaces)
    state(`namespace ${cluster}/${name}`, sentence(`in project ${project}`, `copies ${copies.join(' ') || '-'}`));
  for (const interruption of interruptions) state("can't be watched", interruption);
  for (const { id, at, reason, regarding, note } of [...events].reverse())
    all.set(`event ${id} ${at}`, `event ${reason} of ${regarding}: ${note}`);
  return all;
}

function sentence(...parts: readonly string[]): string {
  return parts.filter(part => part !== '').join(', ');
}
