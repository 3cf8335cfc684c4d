/**
 * Keeps the stored concerns true by the clock: the file of own rules is read when it changes; VMs that other rules judged,
 * or whose surroundings changed, are judged again, a batch at a time. Up to where that was done is kept: a server that is
 * killed leaves what was committed since to the next one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { problemText } from '../concerns/own-rules.ts';
import type { RuleBook } from '../concerns/rule-book.ts';
import type { Db } from '../db/db.ts';
import {
  databaseNow,
  findAffected,
  findChanges,
  judgedUntil,
  judgeStale,
  judgeVms,
  keepJudged,
} from './concern-store.ts';

export type JudgeOptions = {
  readonly db: Db;
  readonly rules: RuleBook;
  readonly tickMs?: number;
  /** What of the own rules is not taken, once for each change of the file. */
  readonly onProblem: (text: string) => void;
  /** It is tried again at the next tick. */
  readonly onError: (error: unknown) => void;
};

export type Judge = { stop(): Promise<void> };

const atOnce = 200;
/** A transaction that began before we looked may commit after it. */
const overlapMs = 10_000;
/** While nothing changes: a start looks at no more than this again. */
const keepEveryMs = 60_000;

export function startJudge({ db, rules, tickMs = 2_000, onProblem, onError }: JudgeOptions): Judge {
  const stopping = new AbortController();
  let since: string | null = null;
  let keptAt = 0;
  /** What was found at the last look, and is found again because looks overlap. */
  let known: ReadonlySet<string> = new Set();
  const tick = async (): Promise<void> => {
    if (await rules.refresh()) for (const problem of rules.problems()) onProblem(problemText(problem));
    const now = await databaseNow(db.kysely);
    since ??= await judgedUntil(db.kysely);
    const changes = await findChanges(db.kysely, since);
    const fresh = changes.filter(({ id, at }) => !known.has(`${id} ${at}`));
    const affected = await findAffected(db.kysely, fresh);
    for (let at = 0; at < affected.length && !stopping.signal.aborted; at += atOnce) {
      await judgeVms(db, rules.current(), affected.slice(at, at + atOnce));
    }
    known = new Set(changes.map(({ id, at }) => `${id} ${at}`));
    if (stopping.signal.aborted) return;
    since = new Date(Date.parse(now) - overlapMs).toISOString();
    if (fresh.length > 0 || performance.now() - keptAt > keepEveryMs) {
      await keepJudged(db, since);
      keptAt = performance.now();
    }
    while (!stopping.signal.aborted && (await judgeStale(db, rules.current(), atOnce)) === atOnce);
  };
  const ticking = (async () => {
    while (!stopping.signal.aborted) {
      await tick().catch((error: unknown) => {
        if (!stopping.signal.aborted) onError(error);
      });
      await sleep(tickMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await ticking;
    },
  };
}
