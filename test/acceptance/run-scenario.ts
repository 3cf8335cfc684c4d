import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { inspect } from 'node:util';
import type { Scenario } from './scenario.ts';

export type ScenarioOutcome =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed' }
  | { readonly kind: 'skipped'; readonly reason: string };

/** Runs a scenario and prints its checks and figures. A scenario without a single check has proved nothing: it fails. */
export async function runScenario(scenario: Scenario): Promise<ScenarioOutcome> {
  const reason = (await scenario.unavailable?.()) ?? null;
  if (reason !== null) {
    console.log(`SKIP ${scenario.name}: ${reason}`);
    return { kind: 'skipped', reason };
  }
  console.log(`--- ${scenario.name}: ${scenario.proves}`);
  const begun = performance.now();
  let checks = 0;
  await using _ = await ownTemporaryDirectory();
  try {
    await scenario.run({
      figure: (name, value) => console.log(`    ${name}: ${value}`),
      note: (text) => console.log(`    (${text})`),
      check: (what, holds, detail) => {
        if (!holds) throw new Error(`${what}: does not hold${detail === undefined ? '' : ` (${detail})`}`);
        checks++;
        console.log(`  ✓ ${what}`);
      },
    });
    if (checks === 0) throw new Error('nothing was checked');
    console.log(`PASS ${scenario.name} (${checks} checks, ${seconds(begun)} s)`);
    return { kind: 'passed' };
  } catch (error) {
    console.log(inspect(error));
    console.log(`FAIL ${scenario.name} (${seconds(begun)} s)`);
    return { kind: 'failed' };
  }
}

/**
 * Scenarios run side by side, and each looks for what tools have left in the temporary directory: what it finds must be its
 * own. Sticky and open to all, like /tmp, because some of them run as an ordinary user; short, because sockets are in it.
 */
async function ownTemporaryDirectory(): Promise<AsyncDisposable> {
  const before = process.env['TMPDIR'];
  const directory = await mkdtemp(join(tmpdir(), 'ws-'));
  await chmod(directory, 0o1777);
  process.env['TMPDIR'] = directory;
  return {
    async [Symbol.asyncDispose]() {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function seconds(begun: number): string {
  return ((performance.now() - begun) / 1000).toFixed(1);
}
