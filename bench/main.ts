/** `script/bench NAME`: runs one bench, or all, and prints what it found. Ends with 1 when a promise is not kept. */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { consoleTable } from './console.ts';
import { copy } from './copy.ts';
import { inventory } from './inventory.ts';
import { latency } from './latency.ts';
import { memory } from './memory.ts';
import { ova } from './ova.ts';
import { type Bench, type BenchResult, print } from './result.ts';
import { resume } from './resume.ts';
import { search } from './search.ts';
import { verify } from './verify.ts';
import { vmdk } from './vmdk.ts';

const benches: Readonly<Record<string, Bench>> = {
  copy,
  vmdk,
  latency,
  verify,
  memory,
  resume,
  ova,
  search,
  inventory,
  console: consoleTable,
};
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    /** MiB. */
    size: { type: 'string', default: '8192' },
    data: { type: 'string', default: '4096' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const [name = ''] = positionals;
const chosen = name === 'all' ? Object.keys(benches) : [name];
if (positionals.length !== 1 || chosen.some((one) => benches[one] === undefined)) {
  const known = [...Object.keys(benches), 'all'].join(' | ');
  process.stderr.write(
    `usage: script/bench ${known} [--json] [--rounds N] [--size MiB] [--data MiB] [--directory DIR]\n`,
  );
  process.exit(2);
}

const results: BenchResult[] = [];
for (const one of chosen) {
  const directory = await mkdtemp(join(values.directory, 'wherry-bench-'));
  try {
    const sizes = { sizeMiB: Number(values.size), dataMiB: Number(values.data) };
    const found = await benches[one]?.({ rounds: Number(values.rounds), ...sizes, directory });
    if (found !== undefined) results.push({ name: one, ...found });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  const last = results.at(-1);
  if (last !== undefined && !values.json) process.stdout.write(print(last));
}
const machine = { cores: cpus().length, model: cpus()[0]?.model ?? '', loadAverage: loadavg()[0] };
if (values.json) process.stdout.write(`${JSON.stringify({ machine, options: values, results })}\n`);
else process.stdout.write(`${machine.cores} × ${machine.model}, load average ${machine.loadAverage?.toFixed(1)}\n`);
const kept = results.every(({ findings }) => findings.every(({ value, limit }) => value <= limit));
process.exitCode = kept ? 0 : 1;
