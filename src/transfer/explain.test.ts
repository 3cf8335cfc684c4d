import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyDisk } from './copy.ts';
import { type CrashDisk, crashDisk, delay } from './crash-disk.ts';
import { type Digester, openDigester } from './digest-threads.ts';
import { type Station, createAccount } from './explain.ts';
import { createLimit } from './throttle.ts';

const MiB = 1024 * 1024;
const never = new AbortController().signal;
const size = 64 * MiB;
const content = randomBytes(size);

// Starting the digest threads is CPU time that has nothing to do with what is planted in so short a copy.
let warm: Digester;
beforeAll(async () => {
  warm = openDigester();
  await Promise.all([1, 2, 3, 4].map(() => warm.digest(Buffer.from(new SharedArrayBuffer(1)))));
});
afterAll(() => warm[Symbol.dispose]());

describe('a copy names what it waits for', () => {
  const plant: Record<Station, (source: CrashDisk, target: CrashDisk) => () => void> = {
    source: (source) => {
      source.before = () => delay(1_500);
      return () => undefined;
    },
    target: (_, target) => {
      target.before = (call) => (call === 'write' ? delay(1_500) : undefined);
      return () => undefined;
    },
    limiter: () => () => undefined,
    cpu: () => {
      const spin = (): void => {
        const until = performance.now() + 40;
        while (performance.now() < until);
        timer = setTimeout(spin, 1);
      };
      let timer = setTimeout(spin, 0);
      return () => clearTimeout(timer);
    },
  };

  it.each(['source', 'target', 'limiter', 'cpu'] as const)('the %s, planted, twice of two', async (station) => {
    const named: (Station | null)[] = [];
    for (let round = 0; round < 2; round += 1) {
      const source = crashDisk(content);
      const target = crashDisk(Buffer.alloc(size));
      const end = plant[station](source, target);
      // Far below what even a busy machine copies, or something else is what it waits for.
      const limits = station === 'limiter' ? [createLimit(() => 8 * MiB)] : [];
      const { bottleneck, waited } = await copyDisk({ diskId: 'd', source, target, limits }, never);
      end();
      named.push(bottleneck);
      expect(waited.source + waited.target + waited.cpu + waited.limiter).toBeCloseTo(1, 5);
      expect(waited[station]).toBeGreaterThan(0.3);
    }
    expect(named).toEqual(Array.from({ length: 2 }, () => station));
  });

  it('the flush, when only that is slow', async () => {
    const target = crashDisk(Buffer.alloc(size));
    target.before = (call) => (call === 'flush' ? delay(2_000) : undefined);
    const { bottleneck } = await copyDisk({ diskId: 'd', source: crashDisk(content), target }, never);
    expect(bottleneck).toBe('target');
  });
});

describe('the account', () => {
  it('shares time out by where the leaves are, counts no pause, and calls a busy main thread CPU', () => {
    let time = 0;
    let busy = 0;
    const account = createAccount(
      () => time,
      () => busy,
    );
    account.move('source', 3);
    account.move('target', 1);
    time = 1_000;
    expect(account.waited()).toEqual({ source: 0.75, target: 0.25, cpu: 0, limiter: 0 });
    account.hold('paused', true);
    time = 100_000;
    account.hold('paused', false);
    expect(account.waited()).toMatchObject({ source: 0.75, target: 0.25 });
    busy = 1;
    time = 101_000;
    expect(account.waited()).toEqual({ source: 0.375, target: 0.125, cpu: 0.5, limiter: 0 });
    expect(account.bottleneck()).toBe('cpu');
  });

  it('keeps a bounded history of the rate, however long it takes', () => {
    let time = 0;
    const account = createAccount(
      () => time,
      () => 0,
    );
    account.move('source', 1);
    for (; time < 24 * 3600 * 1000; time += 1_000) {
      account.moved(5_000_000);
      account.waited();
    }
    const samples = account.samples();
    expect(samples.length).toBeLessThanOrEqual(120);
    expect(samples.length).toBeGreaterThan(40);
    expect(samples.every(({ bytesPerSecond }) => Math.abs(bytesPerSecond / 5_000_000 - 1) < 0.01)).toBe(true);
    expect(account.rate() / 5_000_000).toBeGreaterThan(0.85);
  });
});
