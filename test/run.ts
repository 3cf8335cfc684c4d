/**
 * Everything that is a test, in one run: format, lint, types, unit and peer tests, acceptance scenarios. Goes on after a
 * failure, so that one run tells all, and ends with the count in one line.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { scenarios } from './acceptance/scenarios.ts';
import { runInLanes } from './lanes.ts';

const { values } = parseArgs({ options: { all: { type: 'boolean', default: false } } });
let passed = 0;
let failed = 0;
const skipped: string[] = [];

const gates: readonly (readonly [string, string, ...string[]])[] = [
  ['format', 'biome', 'format', '.'],
  ['lint', 'oxlint', '--type-aware', '--deny-warnings'],
  ['types', 'tsc', '--noEmit'],
  ['types of the console', 'tsc', '--noEmit', '-p', 'ui'],
];
for (const [name, command, ...args] of gates) {
  const { status } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  console.log(`${status === 0 ? 'PASS' : 'FAIL'} ${name}`);
  if (status === 0) passed++;
  else failed++;
}

runVitest();
const now = scenarios.filter(({ long }) => long !== true || values.all);
for (const { name } of scenarios.filter((one) => !now.includes(one))) {
  console.log(`LATER ${name}: takes more than three minutes, runs with script/test --all`);
}
await runInLanes(now, availableParallelism() > 1 ? 2 : 1, ({ name }, outcome) => {
  if (outcome.kind === 'passed') passed++;
  else if (outcome.kind === 'failed') failed++;
  else skipped.push(`${name}: ${outcome.reason}`);
});

for (const line of skipped) console.log(`skipped: ${line}`);
console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

function runVitest(): void {
  const directory = mkdtempSync(join(tmpdir(), 'wherry-test-'));
  try {
    const file = join(directory, 'results.json');
    const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const { status } = spawnSync('vitest', args, { stdio: ['ignore', 'inherit', 'inherit'] });
    const results = JSON.parse(readFileSync(file, 'utf8')) as VitestResults;
    passed += results.numPassedTests;
    failed += results.numFailedTests;
    // A file that fails to load has no tests to count, but it has failed.
    if (status !== 0 && results.numFailedTests === 0) failed++;
    for (const test of results.testResults.flatMap((suite) => suite.assertionResults)) {
      if (test.status === 'pending' || test.status === 'skipped') skipped.push(test.fullName);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

type VitestResults = {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly assertionResults: readonly { fullName: string; status: string }[] }[];
};
