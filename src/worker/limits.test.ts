import { afterEach, expect, test, vi } from 'vitest';
import type { Limit } from '../transfer/throttle.ts';
import { blockFor } from '../transfer/throttle.ts';
import { createChildLimit, type KnownRates, knownRates, rateOver } from './child-limit.ts';
import { createWorkerLimits } from './limits.ts';

const MiB = 1024 * 1024;
/** The timers module’s own is not replaced. */
const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

afterEach(() => {
  vi.useRealTimers();
});

/** A worker with children that copy as fast as they may, and a channel between them that takes its time. */
function workerWith(channelMs = 3) {
  const limits = createWorkerLimits();
  const rates: KnownRates = { current: new Map() };
  const stop = new AbortController();
  return {
    limits,
    set: (given: Record<string, number>): void => {
      const list = Object.entries(given).map(([key, bytesPerSecond]) => ({ key, bytesPerSecond }));
      limits.set(list);
      rates.current = knownRates(list);
    },
    child: (keys: readonly string[], lanes: number) => {
      const client = {};
      let asked = 0;
      const limit = createChildLimit(
        () => rateOver(keys, rates),
        async (bytes) => {
          asked += 1;
          await sleep(channelMs);
          await limits.take(keys, bytes, client);
          await sleep(channelMs);
        },
      );
      const child = { bytes: 0, asked: () => asked, limit: limit as Limit, client };
      const lane = async (): Promise<void> => {
        for (;;) {
          const block = blockFor([limit], MiB);
          await limit.take(block, stop.signal);
          child.bytes += block;
          await sleep(1);
        }
      };
      for (let index = 0; index < lanes; index += 1) lane().catch(() => undefined);
      return child;
    },
    stop: () => stop.abort(),
  };
}

test('one limit holds over all children together and is shared fairly, whatever each has under way', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const worker = workerWith();
  worker.set({ 'worker:w': 40 * MiB });
  const deep = worker.child(['migration:a', 'worker:w'], 48);
  const one = worker.child(['migration:b', 'worker:w'], 1);
  await vi.advanceTimersByTimeAsync(1_000);
  const measure = async (ms: number): Promise<number[]> => {
    const before = [deep.bytes, one.bytes];
    await vi.advanceTimersByTimeAsync(ms);
    return [deep.bytes - (before[0] ?? 0), one.bytes - (before[1] ?? 0)];
  };
  const [a = 0, b = 0] = await measure(5_000);
  expect(Math.abs((a + b) / (200 * MiB) - 1)).toBeLessThan(0.05);
  expect(Math.abs(a / b - 1)).toBeLessThan(0.1);
  // Another limit on one of them: the other gets the rest.
  worker.set({ 'worker:w': 40 * MiB, 'migration:a': 10 * MiB });
  await vi.advanceTimersByTimeAsync(1_000);
  const [c = 0, d = 0] = await measure(5_000);
  expect(Math.abs(c / (50 * MiB) - 1)).toBeLessThan(0.05);
  expect(Math.abs((c + d) / (200 * MiB) - 1)).toBeLessThan(0.05);
  worker.stop();
});

test('few questions are asked of the worker, and none without a limit', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const worker = workerWith();
  const child = worker.child(['worker:w'], 16);
  await vi.advanceTimersByTimeAsync(100);
  expect(child.bytes).toBeGreaterThan(100 * MiB);
  expect(child.asked()).toBe(0);
  worker.set({ 'worker:w': 500 * MiB });
  await vi.advanceTimersByTimeAsync(1_000);
  const [bytes, asked] = [child.bytes, child.asked()];
  await vi.advanceTimersByTimeAsync(5_000);
  expect(Math.abs((child.bytes - bytes) / (2_500 * MiB) - 1)).toBeLessThan(0.05);
  expect(child.asked() - asked).toBeLessThan(500);
  worker.stop();
});

test('what a child that ended had asked for is not granted; what was granted to one that gave up is used by the next', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const worker = workerWith();
  worker.set({ 'worker:w': MiB });
  await worker.limits.take(['worker:w'], MiB, {});
  const gone = {};
  const waiting = worker.limits.take(['worker:w'], 100 * MiB, gone);
  worker.limits.leave(gone);
  await expect(waiting).rejects.toThrow(/ended/);
  const child = worker.child(['worker:w'], 0);
  const giveUp = new AbortController();
  const first = child.limit.take(64 * 1024, giveUp.signal);
  giveUp.abort(new Error('canceled'));
  await expect(first).rejects.toThrow(/canceled/);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(child.asked()).toBe(1);
  await child.limit.take(64 * 1024, new AbortController().signal);
  expect(child.asked()).toBe(1);
  worker.stop();
});
