// Builds what a control plane needs, ahead of its first use: node hack/control-plane/build.ts
import { ensureBinaries } from './binaries.ts';

try {
  const binaries = await ensureBinaries({ log: line => console.error(line) });
  for (const path of Object.values(binaries)) console.log(path);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
