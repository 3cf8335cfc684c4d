import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { machineMs, newActingGate } from './gate.ts';

const never = new AbortController().signal;

async function passed(passing: Promise<void>): Promise<boolean> {
  return Promise.race([passing.then(() => true), sleep(50).then(() => false)]);
}

test('nobody acts before it was told until when', async () => {
  expect(await passed(newActingGate().pass(never))).toBe(false);
});

test('acting ends by itself at the time that was said, though nobody says stop', async () => {
  let now = 1_000;
  const gate = newActingGate(() => now);
  gate.openUntil(1_500);
  now = 1_499;
  expect(await passed(gate.pass(never))).toBe(true);
  now = 1_500;
  expect(await passed(gate.pass(never))).toBe(false);
});

test('who waits goes on when a later time is said, and only then', async () => {
  let now = 2_000;
  const gate = newActingGate(() => now);
  const passing = gate.pass(never);
  gate.openUntil(1_900); // a message that was long on its way
  expect(await passed(passing)).toBe(false);
  gate.openUntil(2_100);
  expect(await passed(passing)).toBe(true);
  now = 2_100;
  expect(await passed(gate.pass(never))).toBe(false);
});

test('who is canceled does not wait', async () => {
  const gate = newActingGate(() => 0);
  const stopping = new AbortController();
  const passing = gate.pass(stopping.signal);
  stopping.abort(new Error('canceled'));
  await expect(passing).rejects.toThrow('canceled');
});

test('the machine’s clock goes on at the speed of other clocks', async () => {
  const [machine, monotonic] = [machineMs(), performance.now()];
  await sleep(200);
  expect(Math.abs(machineMs() - machine - (performance.now() - monotonic))).toBeLessThan(50);
});
