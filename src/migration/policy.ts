/** The numbers of the engine. All are parameters, so that a test of "the worker dies" takes milliseconds. */
export type Policy = {
  /** How long an attempt lives after its last heartbeat. */
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  /** VM migrations at once on one worker: more share one network and one set of cores, and each ends later. */
  readonly maxPerWorker: number;
  readonly maxPerServer: number;
  /** Attempts in a row that may end without an outcome and without a durable advance before a step is given up. */
  readonly maxFruitless: number;
  /** The wait before the third attempt; doubled each time. The second follows at once: most losses are a kill. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  /** How long a step waits for a less loaded worker that is asking too. */
  readonly patienceMs: number;
  /** How often every server looks at the clock: expiry, waits, polls that missed a wake-up. */
  readonly tickMs: number;
  /** Lines kept per VM migration. */
  readonly maxLogLines: number;
  /** How long the API waits for a worker's answer to a question. */
  readonly callMs: number;
};

export const defaultPolicy: Policy = {
  leaseMs: 60_000,
  heartbeatMs: 10_000,
  maxPerWorker: 4,
  maxPerServer: 100,
  maxFruitless: 5,
  backoffMs: 1_000,
  maxBackoffMs: 60_000,
  patienceMs: 500,
  tickMs: 1_000,
  maxLogLines: 20_000,
  callMs: 30_000,
};
