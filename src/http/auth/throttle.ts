/**
 * Guessing passwords gets slow, but nobody can lock somebody else out: failures are counted per name and address. Five
 * are free, then each further one doubles the wait: 2, 4, 8 ... 300 s. Forgotten after a quiet hour, or on success.
 */
export type Throttle = {
  /** Seconds to wait before this may be tried; 0: now. */
  waitSeconds(key: string): number;
  failed(key: string): void;
  succeeded(key: string): void;
};

const free = 5;
const longestMs = 300_000;
const forgetMs = 3_600_000;
const mostKeys = 10_000;

export function createThrottle(now: () => number = Date.now): Throttle {
  const failures = new Map<string, { count: number; at: number }>();
  return {
    waitSeconds: (key) => {
      const known = failures.get(key);
      return known === undefined ? 0 : Math.max(0, Math.ceil((known.at + waitMs(known.count) - now()) / 1000));
    },
    failed: (key) => {
      const known = failures.get(key);
      const count = known === undefined || now() - known.at > forgetMs ? 1 : known.count + 1;
      failures.delete(key); // so that it becomes the newest
      failures.set(key, { count, at: now() });
      if (failures.size > mostKeys) failures.delete(failures.keys().next().value ?? '');
    },
    succeeded: (key) => void failures.delete(key),
  };
}

function waitMs(failures: number): number {
  return failures < free ? 0 : Math.min(2 ** (failures - free + 1) * 1000, longestMs);
}
