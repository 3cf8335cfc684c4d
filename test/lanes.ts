/**
 * Acceptance scenarios side by side, each a process of its own whose words are shown when it has ended: one after the other
 * they leave two thirds of two cores idle (measured). Those that measure run afterwards, alone.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { ScenarioOutcome } from './acceptance/run-scenario.ts';
import type { Scenario } from './acceptance/scenario.ts';

/** Longer than the longest takes on a busy machine; one that hangs must not take the run with it. */
const longestMs = 20 * 60_000;
const program = join(import.meta.dirname, 'acceptance', 'accept.ts');

/** @param lanes when each of them opens: one beside the other tests, say, and more when those have ended */
export async function runInLanes(
  scenarios: readonly Scenario[],
  lanes: readonly Promise<void>[],
  ended: (scenario: Scenario, outcome: ScenarioOutcome) => void,
): Promise<void> {
  const next = scenarios.filter(({ alone }) => alone !== true).values();
  const alone = scenarios.filter((scenario) => scenario.alone === true);
  await Promise.all(
    lanes.map(async (opens) => {
      await opens;
      for (const scenario of next) {
        const outcome = await runApart(scenario);
        // Beside others it may have been short of time: it is the next run, alone, that counts.
        if (outcome.kind === 'failed') alone.push(scenario);
        else ended(scenario, outcome);
      }
    }),
  );
  for (const scenario of alone) {
    console.log(`ALONE ${scenario.name}`);
    ended(scenario, await runApart(scenario));
  }
}

function runApart({ name }: Scenario): Promise<ScenarioOutcome> {
  const child = spawn(process.execPath, [program, name], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.on('data', (part) => (said += String(part)));
  child.stderr.on('data', (part) => (said += String(part)));
  const timer = setTimeout(() => {
    said += `FAIL ${name}: not ended after ${longestMs / 60_000} minutes\n`;
    child.kill('SIGKILL');
  }, longestMs);
  return new Promise((resolve) =>
    child.on('close', (code) => {
      clearTimeout(timer);
      process.stdout.write(said);
      const reason = new RegExp(`^SKIP ${name}: (.*)$`, 'm').exec(said)?.[1];
      if (reason !== undefined) resolve({ kind: 'skipped', reason });
      else resolve({ kind: code === 0 ? 'passed' : 'failed' });
    }),
  );
}
