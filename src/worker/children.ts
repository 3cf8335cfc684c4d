/**
 * The child processes of a worker: one per VM migration that has something to do, known by its target copy, which only one at
 * a time works on. A new one begins only once the one before is gone with all it started, because both work in the same
 * directory and on the same images.
 */
import { mkdir } from 'node:fs/promises';
import type { Attempt } from './attempts.ts';
import { type ChildEnd, type StepChild, startStepChild } from './child-process.ts';
import type { FromChild, ToChild } from './messages.ts';

export type Run = {
  readonly targetCopyId: string;
  readonly child: StepChild;
  readonly attempts: Set<Attempt>;
  idleTimer: NodeJS.Timeout | undefined;
};

export type Children = {
  /** Target copies that have a child. */
  count(): number;
  /** The child that runs, or a new one. */
  of(targetCopyId: string): Promise<Run>;
  /** Does `work` in its directory unless it has a child or is about to have one, which then waits for the end of `work`. */
  alone(targetCopyId: string, work: () => Promise<void>): Promise<void>;
  /** To all of them, and of each kind the last one to every new child. */
  tell(message: Extract<ToChild, { kind: 'gate' | 'limits' }>): void;
  /** It ends unless it gets something to do soon. */
  idle(run: Run): void;
  /** KILLs it and all that it started. Nothing new is given to it from now on. */
  end(run: Run): Promise<void>;
  endAll(): Promise<void>;
};

/** A child that has had no step for this long ends; the next step starts a new one. */
const idleMs = 5_000;

export function keepChildren(options: {
  directoryOf(targetCopyId: string): string;
  onMessage(run: Run, message: FromChild): void;
  onOutput(run: Run, text: string): void;
  /** With what it still had to do. */
  onEnd(run: Run, end: ChildEnd): void;
}): Children {
  const running = new Map<string, Run>();
  /** What must be over before a new child begins. */
  const leaving = new Map<string, Promise<unknown>>();
  /** How often a child was asked for that is not there yet. */
  const coming = new Map<string, number>();
  const told = new Map<string, ToChild>();

  const leave = (run: Run): void => {
    clearTimeout(run.idleTimer);
    if (running.get(run.targetCopyId) !== run) return;
    running.delete(run.targetCopyId);
    const gone = run.child.ended.then(() => {
      if (leaving.get(run.targetCopyId) === gone) leaving.delete(run.targetCopyId);
    });
    leaving.set(run.targetCopyId, gone);
  };
  const end = async (run: Run): Promise<void> => {
    leave(run);
    await run.child.kill();
  };
  const start = (targetCopyId: string): Run => {
    const directory = options.directoryOf(targetCopyId);
    const run: Run = {
      targetCopyId,
      attempts: new Set(),
      idleTimer: undefined,
      child: startStepChild({
        directory,
        onMessage: (message) => options.onMessage(run, message),
        onOutput: (text) => options.onOutput(run, text),
      }),
    };
    running.set(targetCopyId, run);
    for (const message of told.values()) run.child.send(message);
    void run.child.ended.then((how) => {
      leave(run);
      options.onEnd(run, how);
    });
    return run;
  };
  const comes = (targetCopyId: string, by: 1 | -1): void => {
    const asked = (coming.get(targetCopyId) ?? 0) + by;
    if (asked === 0) coming.delete(targetCopyId);
    else coming.set(targetCopyId, asked);
  };
  return {
    count: () => running.size,
    of: async (targetCopyId) => {
      comes(targetCopyId, 1);
      try {
        await leaving.get(targetCopyId);
        await mkdir(options.directoryOf(targetCopyId), { recursive: true, mode: 0o700 });
        const run = running.get(targetCopyId) ?? start(targetCopyId);
        clearTimeout(run.idleTimer);
        return run;
      } finally {
        comes(targetCopyId, -1);
      }
    },
    alone: async (targetCopyId, work) => {
      if ([running, leaving, coming].some((some) => some.has(targetCopyId))) return;
      const over = Promise.withResolvers<void>();
      leaving.set(targetCopyId, over.promise);
      try {
        await work();
      } finally {
        leaving.delete(targetCopyId);
        over.resolve();
      }
    },
    tell: (message) => {
      told.set(message.kind, message);
      for (const run of running.values()) run.child.send(message);
    },
    idle: (run) => {
      clearTimeout(run.idleTimer);
      run.idleTimer = setTimeout(() => void end(run), idleMs);
    },
    end,
    endAll: async () => {
      await Promise.all([...[...running.values()].map(end), ...leaving.values()]);
    },
  };
}
