import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Limit, type SharedLimit, blockFor, createLimit, takeAll, tightest } from './throttle.ts';

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

/** Always asks for the next block of `block` bytes on each of `lanes` lanes, until told to stop. */
const busy = (limit: SharedLimit, { lanes, block }: { lanes: number; block: number }) => {
  const stop = new AbortController();
  const client = { bytes: 0, stop: () => stop.abort() };
  const lane = async (): Promise<void> => {
    for (;;) {
      await limit.take(block, stop.signal, client);
      client.bytes += block;
    }
  };
  for (let index = 0; index < lanes; index += 1) lane().catch(() => undefined);
  return client;
};

describe('between clients, in a time of its own', () => {
  afterEach(() => {
    vi.useRealTimers();
  });
  it('shares by bytes, however much each asks for at once, and keeps the rate', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const kinds = fc.record({ lanes: fc.integer({ min: 1, max: 12 }), block: fc.integer({ min: 1, max: 16 }) });
    const rates = fc.array(fc.integer({ min: 20, max: 400 }), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(fc.array(kinds, { minLength: 2, maxLength: 4 }), rates, async (clients, perSecond) => {
        let rate = 0;
        const limit = createLimit(() => rate * 64 * KiB);
        const largest = Math.max(...clients.map(({ block }) => block)) * 64 * KiB;
        rate = perSecond[0] ?? 1;
        const running = clients.map(({ lanes, block }) => busy(limit, { lanes, block: block * 64 * KiB }));
        for (const next of perSecond) {
          rate = next;
          await vi.advanceTimersByTimeAsync(1_000);
          const before = limit.granted();
          await vi.advanceTimersByTimeAsync(5_000);
          const passed = limit.granted() - before;
          // What is owed is one block, what may be saved up a fifth of a second.
          const slack = rate * 64 * KiB * 0.2 + largest;
          expect(Math.abs(passed - rate * 64 * KiB * 5)).toBeLessThanOrEqual(slack);
        }
        const bytes = running.map((one) => one.bytes);
        expect(Math.max(...bytes) - Math.min(...bytes)).toBeLessThanOrEqual(2 * largest);
        expect(bytes.reduce((all, one) => all + one, 0)).toBe(limit.granted());
        for (const one of running) one.stop();
      }),
      { numRuns: 20 },
    );
  });

  it('lets one that comes later have its share at once, not what it missed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const limit = createLimit(() => 64 * 1024 * KiB);
    const first = busy(limit, { lanes: 32, block: 1024 * KiB });
    await vi.advanceTimersByTimeAsync(10_000);
    const alone = first.bytes;
    const late = busy(limit, { lanes: 1, block: 256 * KiB });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(Math.abs(late.bytes / (first.bytes - alone) - 1)).toBeLessThan(0.05);
    first.stop();
    late.stop();
  });
});
