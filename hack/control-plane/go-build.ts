import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { withBuildLock } from './build-lock.ts';
import { run } from './command.ts';
import { ETCD, KUBERNETES, type PinnedModule } from './pins.ts';

export type BinaryName =
  | 'etcd'
  | 'etcdctl'
  | 'etcdutl'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kubectl';

interface Recipe {
  readonly name: BinaryName;
  readonly module: PinnedModule;
  readonly main: string;
  /** What to expect on two cores with nothing cached. */
  readonly about: string;
}

/** In this order each one finds most of its packages compiled by those before it. */
const RECIPES: readonly Recipe[] = [
  { name: 'etcd', module: ETCD, main: 'go.etcd.io/etcd/server/v3', about: '40 seconds' },
  { name: 'etcdctl', module: ETCD, main: 'go.etcd.io/etcd/etcdctl/v3', about: '5 seconds' },
  { name: 'etcdutl', module: ETCD, main: 'go.etcd.io/etcd/etcdutl/v3', about: '5 seconds' },
  { name: 'kube-apiserver', module: KUBERNETES, main: 'k8s.io/kubernetes/cmd/kube-apiserver', about: '4 minutes' },
  { name: 'kubectl', module: KUBERNETES, main: 'k8s.io/kubernetes/cmd/kubectl', about: '30 seconds' },
  {
    name: 'kube-controller-manager',
    module: KUBERNETES,
    main: 'k8s.io/kubernetes/cmd/kube-controller-manager',
    about: '1 minute',
  },
  { name: 'kube-scheduler', module: KUBERNETES, main: 'k8s.io/kubernetes/cmd/kube-scheduler', about: '20 seconds' },
];

const PROGRESS_MS = 15_000;

export interface BuildOptions {
  /** Where the binaries go; made if need be. */
  readonly into: string;
  readonly missing: (name: BinaryName) => boolean;
  readonly log: (line: string) => void;
}

/** Builds what is missing. Each binary appears whole, by a rename, so nobody ever runs half of one. */
export async function build({ into, missing, log }: BuildOptions): Promise<void> {
  if (!RECIPES.some(({ name }) => missing(name))) return;
  mkdirSync(into, { recursive: true });
  await withBuildLock({ dir: into, log }, async () => {
    // Asked again: whoever held the lock before us may have built them.
    const recipes = RECIPES.filter(({ name }) => missing(name));
    for (const module of new Set(recipes.map(recipe => recipe.module))) await requireGo(module);
    const workshop = mkdtempSync(join(into, '.build-'));
    try {
      for (const recipe of recipes) await buildOne(recipe, { into, workshop, log });
    } finally {
      rmSync(workshop, { recursive: true, force: true });
    }
  });
}

async function requireGo({ dir, go }: PinnedModule): Promise<void> {
  const remedy =
    `install Go ${go} or newer from https://go.dev/dl, ` +
    `or set KUBEBUILDER_ASSETS to a folder that has etcd, kube-apiserver, kubectl and the others`;
  // Run where the go.mod is: from 1.21 on, Go fetches the toolchain that a module asks for.
  const { code, stdout, stderr } = await run('go', ['env', 'GOVERSION'], { cwd: dir });
  if (code === 127)
    throw new Error(`Go is needed to build the control plane, and there is no \`go\` in PATH: ${remedy}`);
  if (code !== 0) throw new Error(`Go can't build the control plane: ${stderr.trim()}: ${remedy}`);
  const found = stdout.trim().replace(/^go/, '');
  if (found.localeCompare(go, 'en', { numeric: true }) < 0) {
    throw new Error(`Go ${found} is too old to build the control plane: ${remedy}`);
  }
}

function linkerFlags({ version }: PinnedModule): string {
  const [major = '', minor = ''] = version.replace(/^v/, '').split('.');
  const variable = (name: string, value: string): string => `-X k8s.io/component-base/version.${name}=${value}`;
  return ['-s -w', variable('gitVersion', version), variable('gitMajor', major), variable('gitMinor', minor)].join(' ');
}

interface Workplace {
  readonly into: string;
  readonly workshop: string;
  readonly log: (line: string) => void;
}

async function buildOne({ name, module, main, about }: Recipe, { into, workshop, log }: Workplace): Promise<void> {
  const output = join(workshop, name);
  const started = Date.now();
  const seconds = (): number => Math.round((Date.now() - started) / 1000);
  log(`building ${name} ${module.version} (about ${about} the first time) …`);
  const progress = setInterval(() => log(`building ${name}: ${seconds()} s so far …`), PROGRESS_MS);
  try {
    const args = ['build', '-trimpath', '-ldflags', linkerFlags(module), '-o', output, main];
    const { code, stderr } = await run('go', args, { cwd: module.dir, env: { ...process.env, CGO_ENABLED: '0' } });
    if (code !== 0) {
      throw new Error(
        `building ${name} ${module.version} failed; see that the Go module proxy answers and the disk has 3 GB free:\n` +
          stderr.trimEnd().split('\n').slice(-20).join('\n'),
      );
    }
    renameSync(output, join(into, name));
    log(`built ${name} in ${seconds()} s`);
  } finally {
    clearInterval(progress);
  }
}
