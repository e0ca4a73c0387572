import { parseArgs } from 'node:util';
import { access } from './access.ts';
import { clusters } from './clusters.ts';
import { compare } from './compare.ts';
import { fanout } from './fanout.ts';
import { latency } from './latency.ts';
import { projects } from './projects.ts';

const USAGE = `Usage: npm run bench -- <benchmark> [flags]

  fanout    one shared Secret to many namespaces, beside a bare client
            --namespaces N [1000]   --unrelated N [0] other Secrets in the cluster   --rounds N [5]
  latency   one shared Secret to one namespace, many times
            --rounds N [500]
  clusters  many idle clusters: memory and hub writes of each, time to connect all and to notice a dead one
            --count N [50]   --kills N [20]
  access    bindings of one user in many namespaces and of many users in many projects, beside a bare client; one binding
            --namespaces N [1000]   --rounds N [5]

  projects  many projects of two namespaces with quota, limits, isolation and three shared Secrets, beside a bare client
            --count N [500]   --rounds N [3]

  --json    print one JSON object and nothing else on standard output
  --compare COMMIT   measure this checkout and another commit in turns, and print the ratio of each figure
            --turns N [3]
`;

function wholeNumber(value: string, flag: string, least = 0): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < least)
    throw new Error(`${flag} "${value}" must be a whole number of at least ${least}`);
  return number;
}

/** The benchmark and its flags, as the other version is asked for them, too. */
function benchmarkOf(args: readonly string[]): string[] {
  const ours = ['--compare', '--turns'];
  return args.filter(
    (arg, index) =>
      arg !== '--json' && !ours.some(flag => arg === flag || arg.startsWith(`${flag}=`) || args[index - 1] === flag),
  );
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      namespaces: { type: 'string', default: '1000' },
      unrelated: { type: 'string', default: '0' },
      rounds: { type: 'string' },
      count: { type: 'string' },
      kills: { type: 'string', default: '20' },
      compare: { type: 'string' },
      turns: { type: 'string', default: '3' },
    },
  });
  const log = (line: string) => void process.stderr.write(`${line}\n`);
  const run = async (): Promise<object> => {
    switch (positionals[0]) {
      case 'fanout':
        return await fanout({
          namespaces: wholeNumber(values.namespaces, '--namespaces'),
          unrelated: wholeNumber(values.unrelated, '--unrelated'),
          rounds: wholeNumber(values.rounds ?? '5', '--rounds', 1),
          log,
        });
      case 'latency':
        return await latency({ rounds: wholeNumber(values.rounds ?? '500', '--rounds', 1), log });
      case 'access':
        return await access({
          namespaces: wholeNumber(values.namespaces, '--namespaces', 1),
          rounds: wholeNumber(values.rounds ?? '5', '--rounds', 1),
          log,
        });
      case 'projects':
        return await projects({
          projects: wholeNumber(values.count ?? '500', '--count', 1),
          rounds: wholeNumber(values.rounds ?? '3', '--rounds', 1),
          log,
        });
      case 'clusters':
        return await clusters({
          count: wholeNumber(values.count ?? '50', '--count'),
          kills: wholeNumber(values.kills, '--kills'),
          log,
        });
      default:
        throw new Error(`unknown benchmark "${positionals[0] ?? ''}"\n\n${USAGE}`);
    }
  };
  const compared = async (revision: string) => {
    const turns = wholeNumber(values.turns, '--turns', 1);
    const { figures, ...rest } = await compare({ benchmark: benchmarkOf(process.argv.slice(2)), revision, turns, log });
    return values.json ? { ...rest, figures } : figures;
  };
  const result = await (values.compare === undefined ? run() : compared(values.compare));
  if (values.json) console.log(JSON.stringify(result));
  else console.table(result);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
