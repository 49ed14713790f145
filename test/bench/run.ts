// npm run bench [-- WORD…]: runs the benches whose name holds one of the words, or all.
import { globSync } from 'node:fs';
import path from 'node:path';

interface Bench {
  name: string;
  run: () => Promise<void> | void;
}

function isBench(module: unknown): module is Bench {
  const { name, run } = module as Partial<Bench>;
  return typeof name === 'string' && typeof run === 'function';
}

const words = process.argv.slice(2);
for (const file of globSync('*.bench.ts', { cwd: import.meta.dirname }).toSorted()) {
  const bench: unknown = await import(path.join(import.meta.dirname, file));
  if (!isBench(bench)) throw new Error(`${file} must export name and run()`);
  if (words.length > 0 && !words.some((word) => bench.name.includes(word) || file.includes(word))) continue;
  console.log(`\n${bench.name}`);
  await bench.run();
}
