/**
 * The heartbeat, and the gate that follows it. Every sixth of the lease we report all attempts. When no heartbeat has been
 * answered for two thirds of the lease, the gate closes: nothing that acts outside this worker goes on, because the server
 * may soon give our steps to somebody else. It opens with the next answer. The clock is the machine's own (gate.ts): a wall
 * clock that is set back must not keep the gate open.
 */
import type { AttemptReport, HeartbeatAnswer } from '../migration/protocol.ts';
import { machineMs } from './gate.ts';

/** Until when acting outside is allowed after a heartbeat that was sent at `askedMs` and answered. Pure. */
export function openUntil(askedMs: number, leaseMs: number): number {
  return askedMs + (leaseMs * 2) / 3;
}

export type Heart = {
  /**
   * There is something to tell (progress, a log line): beats within `newsMs` instead of at the next time, but never more
   * often than that. While the server does not answer it waits for the next time: hurrying would not help.
   */
  news(): void;
  stop(): void;
};

export function startHeart(options: {
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly newsMs: number;
  /** What to report; nothing to report still beats, so that the server sees the worker live. */
  reports(): AttemptReport[];
  send(reports: AttemptReport[]): Promise<HeartbeatAnswer>;
  /** The reports arrived. */
  accepted(answer: HeartbeatAnswer, reports: AttemptReport[]): void;
  /** The reports did not arrive: they must be said again. */
  unanswered(reports: AttemptReport[], error: unknown): void;
  /** Acting is allowed until then: later than what was said before. What `accepted` found stale must be stopped by now. */
  allow(untilMs: number): void;
  /** It has closed or opened: for the log, who acts knows by itself. */
  gate(open: boolean): void;
}): Heart {
  let until = openUntil(machineMs(), options.leaseMs);
  let lastBeat = Number.NEGATIVE_INFINITY;
  let answered = true;
  let newsTimer: NodeJS.Timeout | undefined;
  let open = true;
  let beating: Promise<void> | undefined;

  const setGate = (next: boolean): void => {
    if (open === next) return;
    open = next;
    options.gate(next);
  };
  const once = async (): Promise<void> => {
    const reports = options.reports();
    const asked = machineMs();
    lastBeat = asked;
    clearTimeout(newsTimer);
    newsTimer = undefined;
    try {
      const answer = await options.send(reports);
      // The lease was extended at some time after we asked: count from the asking.
      until = openUntil(asked, options.leaseMs);
      answered = true;
      options.accepted(answer, reports);
      options.allow(until);
    } catch (error) {
      answered = false;
      options.unanswered(reports, error);
    }
    setGate(machineMs() < until);
  };
  const beat = (): Promise<void> => (beating ??= once().finally(() => (beating = undefined)));
  options.allow(until);
  const beats = setInterval(() => void beat(), options.heartbeatMs);
  const watch = setInterval(
    () => {
      if (machineMs() >= until) setGate(false);
    },
    Math.max(10, options.leaseMs / 60),
  );
  return {
    news: () => {
      if (!answered || newsTimer !== undefined) return;
      const waitMs = Math.max(0, lastBeat + options.newsMs - machineMs());
      newsTimer = setTimeout(() => {
        newsTimer = undefined;
        void beat();
      }, waitMs);
    },
    stop: () => {
      clearTimeout(newsTimer);
      clearInterval(beats);
      clearInterval(watch);
    },
  };
}
