/**
 * Everything that is a test, in one run: format, lint, types, unit and peer tests, acceptance scenarios. Goes on after a
 * failure, so that one run tells all, and ends with the count in one line.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { scenarios } from './acceptance/scenarios.ts';
import { type Gate, lookAtGates } from './gates.ts';
import { runInLanes } from './lanes.ts';

const { values } = parseArgs({ options: { all: { type: 'boolean', default: false } } });
/** Four times what it takes: what hangs for ever ends as a failure with a count. */
const longestMs = 40 * 60_000;
let passed = 0;
let failed = 0;
const skipped: string[] = [];
/** What failed, told again above the count: who reads a long run reads its end. */
const failures: string[] = [];
const began = performance.now();

const gates = process.env['WHERRY_GATES'];
for (const gate of gates === undefined ? lookAtGates() : (JSON.parse(readFileSync(gates, 'utf8')) as Gate[])) {
  if (gate.passed) passed++;
  else fail(gate.name);
}

const vitest = runVitest();
const now = scenarios.filter(({ long }) => long !== true || values.all);
for (const { name } of scenarios.filter((one) => !now.includes(one))) {
  console.log(`LATER ${name}: takes more than three minutes, runs with script/test --all`);
}
// The other tests keep two cores busy but for a tenth, the scenarios wait half of their time (measured): one lane of
// scenarios runs beside the tests, three when those have ended.
const lanes = availableParallelism() > 1 ? [Promise.resolve(), vitest, vitest] : [vitest];
await runInLanes(now, lanes, ({ name }, outcome) => {
  if (outcome.kind === 'passed') passed++;
  else if (outcome.kind === 'failed') fail(name);
  else skipped.push(`${name}: ${outcome.reason}`);
});

for (const line of failures) console.log(`failed: ${line}`);
for (const line of skipped) console.log(`skipped: ${line}`);
console.log(`${Math.round((performance.now() - began) / 1000)} s`);
console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

function fail(what: string): void {
  failed++;
  failures.push(what);
}

async function runVitest(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'wherry-test-'));
  try {
    const file = join(directory, 'results.json');
    const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const status = await new Promise<number | null>((resolve, reject) => {
      const child = spawn('vitest', args, { stdio: ['ignore', 'inherit', 'inherit'] });
      child.once('error', reject).once('close', resolve);
      setTimeout(() => child.kill('SIGKILL'), longestMs).unref();
    });
    if (!existsSync(file)) return fail('vitest: it ended without results');
    const results = JSON.parse(readFileSync(file, 'utf8')) as VitestResults;
    passed += results.numPassedTests;
    const before = failures.length;
    for (const suite of results.testResults) {
      for (const { fullName, status: ended, duration, failureMessages } of suite.assertionResults) {
        if (ended === 'pending' || ended === 'skipped') skipped.push(fullName);
        if (ended !== 'failed') continue;
        const why = failureMessages?.[0]?.split('\n', 1)[0] ?? '';
        fail(`${relative('', suite.name)}: ${fullName} (${Math.round((duration ?? 0) / 1000)} s): ${why}`);
      }
      // A file that fails to load has no tests to count, but it has failed.
      if (suite.status === 'failed' && suite.assertionResults.length === 0) fail(relative('', suite.name));
    }
    if (status !== 0 && failures.length === before) fail('vitest');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

type VitestResults = {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly duration?: number | null;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
};
