import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type Limit, blockFor, createLimit, takeAll, tightest } from './throttle.ts';

const KiB = 1024;
const never = new AbortController().signal;

/** Bytes that pass `limits` in `ms`, asked for as a copy does. */
async function passIn(limits: readonly Limit[], ms: number, onBytes: (bytes: number) => void): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const bytes = blockFor(limits, 1024 * KiB);
    await takeAll(limits, bytes, never);
    onBytes(bytes);
  }
}

it('keeps to the rate within 5 %, and to a new rate within a second', async () => {
  let rate = 8 * 1024 * KiB;
  const limit = createLimit(() => rate);
  let bytes = 0;
  const passing = passIn([limit], 4_600, (some) => void (bytes += some));
  const measure = async (ms: number): Promise<number> => {
    const [before, began] = [bytes, performance.now()];
    await sleep(ms);
    return ((bytes - before) * 1000) / (performance.now() - began);
  };
  await sleep(200);
  const first = await measure(1_000);
  rate = 32 * 1024 * KiB;
  await sleep(200);
  const second = await measure(1_000);
  rate = 4 * 1024 * KiB;
  await sleep(200);
  const third = await measure(1_500);
  await passing;
  const MiB = 1024 * KiB;
  expect(Math.abs(first / (8 * MiB) - 1)).toBeLessThan(0.05);
  expect(Math.abs(second / (32 * MiB) - 1)).toBeLessThan(0.05);
  expect(Math.abs(third / (4 * MiB) - 1)).toBeLessThan(0.05);
});

it('lets the smallest of several limits decide, and shares one fairly between two disks', async () => {
  const worker = createLimit(() => 8 * 1024 * KiB);
  const [one, other] = [createLimit(() => null), createLimit(() => 100 * 1024 * KiB)];
  const bytes = [0, 0];
  await Promise.all([
    passIn([one, worker], 1_000, (some) => void (bytes[0] = (bytes[0] ?? 0) + some)),
    passIn([other, worker], 1_000, (some) => void (bytes[1] = (bytes[1] ?? 0) + some)),
  ]);
  const [a = 0, b = 0] = bytes;
  expect((a + b) / (8 * 1024 * KiB)).toBeGreaterThan(0.9);
  expect((a + b) / (8 * 1024 * KiB)).toBeLessThan(1.2);
  expect(a / b).toBeGreaterThan(0.8);
  expect(a / b).toBeLessThan(1.25);
  expect(tightest([one, other, worker])).toBe(8 * 1024 * KiB);
});

it('lets nothing pass at zero until that changes, and stops waiting when aborted', async () => {
  let rate: number | null = 0;
  const limit = createLimit(() => rate);
  let passed = false;
  const taking = limit.take(10, never).then(() => void (passed = true));
  await sleep(250);
  expect(passed).toBe(false);
  rate = null;
  await taking;
  rate = 0;
  const stop = new AbortController();
  const aborted = limit.take(10, stop.signal);
  stop.abort(new Error('canceled'));
  await expect(aborted).rejects.toThrow(/abort|canceled/);
  rate = null;
  await limit.take(10, never);
});
