/**
 * What a copy waits for. A copy is a ring of a fixed number of leaves that go from station to station: limiter, source,
 * digest, target. In such a ring the slowest station gathers the leaves, so time is shared out by where the leaves are.
 * The main thread is the one station that leaves cannot be seen at (what waits for it looks like waiting for a source or
 * target): while it is runnable nearly all the time, time counts as CPU. Waiting for permission to act counts for nothing.
 */
import { createBusyMeter } from './busy.ts';

export type Station = 'source' | 'target' | 'cpu' | 'limiter';
export type Waited = {
  readonly source: number;
  readonly target: number;
  readonly cpu: number;
  readonly limiter: number;
};
/** `at`: milliseconds since the copy began. */
export type RateSample = { readonly at: number; readonly bytesPerSecond: number };

export type Account = {
  /** `count` leaves come to (positive) or leave (negative) a station. */
  move(station: Station, count: number): void;
  /** While on, the whole copy waits for the target to flush, or for permission to act. */
  hold(why: 'flush' | 'paused', on: boolean): void;
  moved(bytes: number): void;
  /** Shares of the time so far, which sum to 1; all zero before anything was measured. */
  waited(): Waited;
  /** Bytes per second over about the last 10 s. */
  rate(): number;
  /** At most 120 samples over the whole time; their distance doubles as it goes on. */
  samples(): readonly RateSample[];
  /** The station with the largest share; null before anything was measured. */
  bottleneck(): Station | null;
};

export const stations = ['source', 'target', 'cpu', 'limiter'] as const;
/** Share of time the main thread must be runnable to count as the bottleneck: from here on, and wholly from there on. */
const busyFrom = 0.75;
const busyWhole = 0.95;
const settleMs = 100;
const maxSamples = 120;
const rateWindowMs = 10_000;

export function createAccount(now: () => number = () => performance.now(), busy = createBusyMeter()): Account {
  const began = now();
  const present: Record<Station, number> = { source: 0, target: 0, cpu: 0, limiter: 0 };
  const total: Record<Station, number> = { source: 0, target: 0, cpu: 0, limiter: 0 };
  /** Not yet settled: what the stations hold until the main thread's share of the interval is known. */
  const interval: Record<Station, number> = { source: 0, target: 0, cpu: 0, limiter: 0 };
  const holds = { flush: 0, paused: 0 };
  let changedAt = began;
  let settledAt = began;
  let bytes = 0;
  let recent: { at: number; bytes: number }[] = [{ at: began, bytes: 0 }];
  let kept: { at: number; bytes: number }[] = [{ at: began, bytes: 0 }];
  let distanceMs = 500;

  const settle = (time: number): void => {
    const share = Math.max(0, Math.min(1, (busy(time - settledAt) - busyFrom) / (busyWhole - busyFrom)));
    const whole = interval.source + interval.target + interval.cpu + interval.limiter;
    for (const station of stations) {
      total[station] += interval[station] * (1 - share);
      interval[station] = 0;
    }
    total.cpu += whole * share;
    settledAt = time;
    recent.push({ at: time, bytes });
    while (recent.length > 2 && (recent[1]?.at ?? time) < time - rateWindowMs) recent.shift();
    if (time - (kept.at(-1)?.at ?? began) >= distanceMs) kept.push({ at: time, bytes });
    if (kept.length > maxSamples) {
      kept = kept.filter((_, index) => index % 2 === 0);
      distanceMs *= 2;
    }
  };
  const advance = (): void => {
    const time = now();
    const elapsed = time - changedAt;
    changedAt = time;
    if (holds.paused === 0) {
      const all = present.source + present.target + present.cpu + present.limiter;
      if (holds.flush > 0) interval.target += elapsed;
      else if (all > 0) for (const station of stations) interval[station] += (elapsed * present[station]) / all;
      // Nothing under way: whoever walks the source's extents is waited for.
      else interval.source += elapsed;
    }
    if (time - settledAt >= settleMs) settle(time);
  };

  const account: Account = {
    move(station, count) {
      advance();
      present[station] += count;
    },
    hold(why, on) {
      advance();
      holds[why] += on ? 1 : -1;
    },
    moved(count) {
      bytes += count;
    },
    waited() {
      advance();
      const sum = stations.reduce((all, station) => all + total[station] + interval[station], 0);
      const share = (station: Station): number => (sum === 0 ? 0 : (total[station] + interval[station]) / sum);
      return { source: share('source'), target: share('target'), cpu: share('cpu'), limiter: share('limiter') };
    },
    rate() {
      advance();
      const first = recent[0];
      const time = now();
      return first === undefined || time <= first.at ? 0 : ((bytes - first.bytes) * 1000) / (time - first.at);
    },
    samples() {
      advance();
      return kept.slice(1).map((sample, index) => {
        const before = kept[index] ?? sample;
        const perSecond = ((sample.bytes - before.bytes) * 1000) / Math.max(1, sample.at - before.at);
        return { at: sample.at - began, bytesPerSecond: perSecond };
      });
    },
    bottleneck() {
      const shares = account.waited();
      let most: Station | null = null;
      for (const station of stations) {
        if (shares[station] > 0 && (most === null || shares[station] > shares[most])) most = station;
      }
      return most;
    },
  };
  return account;
}
