import { type HubLimits, limits } from '../engagement/hub-limits.ts';
import { UsageError } from './command.ts';

/** Reads `secrets=1000,configmaps=500`, or `none`; undefined where the flag is not given. @throws UsageError */
export function parseLimits(flag: string, text: string | undefined, names: readonly string[]): HubLimits | undefined {
  if (text === undefined) return undefined;
  if (text === 'none') return {};
  const counts = text.split(',').map((part): [string, number] => {
    const [, name = '', count = ''] = /^([a-z]+)=(\d{1,9})$/.exec(part) ?? [];
    if (!names.includes(name))
      throw new UsageError(`${flag} "${part}" must be NAME=COUNT of ${names.join(', ')}, or the whole of it none`);
    return [name, Number(count)];
  });
  return limits(Object.fromEntries(counts));
}

/** As {@link parseLimits} reads it. */
export function describeLimits(all: HubLimits): string {
  return Object.entries(all)
    .map(([key, count]) => `${key.replace(/^count\//, '').replace(/\..*$/, '')}=${count}`)
    .join(',');
}
