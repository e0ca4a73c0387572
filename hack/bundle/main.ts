import { statSync } from 'node:fs';
import { relative } from 'node:path';
import { BUNDLE, bundle } from './bundle.ts';

await bundle();
console.log(`${relative(process.cwd(), BUNDLE)}: ${(statSync(BUNDLE).size / 1024 / 1024).toFixed(1)} MiB`);
