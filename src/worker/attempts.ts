/**
 * What this worker's running attempts have to say to the server. Progress is a state (the latest wins); journal entries
 * and log lines are facts: they stay here until a heartbeat or the finish that carried them was answered.
 */
import type { AttemptReport, JournalEntry, Lease, LogLine, Progress } from '../migration/protocol.ts';

export type Attempt = {
  readonly token: string;
  readonly limitKeys: readonly string[];
  progress: Progress | null;
  journal: JournalEntry[];
  log: LogLine[];
  /** The outcome is on its way: no more reports but that one. */
  finishing: boolean;
};

/** One heartbeat must stay small, however much a worker that was cut off has to tell. */
const maxJournalPerReport = 4_096;
const maxLogPerReport = 1_000;
/** A tool that prints without end must not fill our memory while the server is away; the newest lines matter. */
const maxLogKept = 20_000;

export function newAttempt({ token, limitKeys }: Pick<Lease, 'token' | 'limitKeys'>): Attempt {
  return { token, limitKeys, progress: null, journal: [], log: [], finishing: false };
}

export function addLog(attempt: Attempt, line: LogLine): void {
  attempt.log.push({ ...line, text: line.text.slice(0, 4_096) });
  if (attempt.log.length > maxLogKept) attempt.log.splice(0, attempt.log.length - maxLogKept);
}

/** What goes with the next heartbeat. `all`: with the finish, everything. */
export function report(attempt: Attempt, all = false): AttemptReport {
  return {
    token: attempt.token,
    progress: attempt.progress,
    journal: all ? attempt.journal : attempt.journal.slice(0, maxJournalPerReport),
    log: all ? attempt.log : attempt.log.slice(0, maxLogPerReport),
  };
}

/** The server has it: forget exactly what was said. Entries are compared by identity, as new ones may have come since. */
export function forget(attempt: Attempt, said: AttemptReport): void {
  const journal = new Set(said.journal);
  const log = new Set(said.log);
  attempt.journal = attempt.journal.filter((entry) => !journal.has(entry));
  attempt.log = attempt.log.filter((line) => !log.has(line));
}
