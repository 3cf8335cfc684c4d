/**
 * The providers that this worker watches, each in a child process of its own for as long as it goes well. What ends a watch
 * is told to the server: something passing is tried again with back-off, in a new process; anything else waits for a person,
 * above all a wrong password, which is tried once.
 */
import { mkdir, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WatchAnswer, Watching } from '../inventory/protocol.ts';
import type { Watch } from '../migration/protocol.ts';
import { fromStored, type StoredError, toStored, WherryError } from '../model/errors.ts';
import { retryInMs } from './back-off.ts';
import { type ChildEnd, startWatchChild } from './child-process.ts';
import type { Link } from './link.ts';
import { scrubbed } from './scrub.ts';

export type Watches = {
  /** All that should be watched now: what is not among it ends. */
  set(watches: readonly Watch[]): void;
  endAll(): Promise<void>;
};

type Options = {
  readonly link: Link;
  readonly me: { readonly workerId: string; readonly bootId: string };
  directoryOf(id: string): string;
  log(level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>): void;
  childDied(end: ChildEnd): WherryError;
};

/** Signing out takes a request; what does not end by itself is killed. */
const signOutMs = 4_000;
/** A watch that went well for so long has recovered: the next failure is the first. */
const steadyMs = 60_000;

export function keepWatches(options: Options): Watches {
  const running = new Map<string, { readonly stop: AbortController; readonly done: Promise<void> }>();
  const end = (token: string): void => running.get(token)?.stop.abort(new Error('not wanted any more'));
  return {
    set: (watches) => {
      const wanted = new Set(watches.map(({ token }) => token));
      for (const token of running.keys()) if (!wanted.has(token)) end(token);
      for (const { token, providerId } of watches) {
        if (running.has(token)) continue;
        const stop = new AbortController();
        const done = keepWatching(options, { token, providerId }, stop.signal)
          .catch((error: unknown) => {
            if (!stop.signal.aborted) options.log('error', 'a watch ended', { providerId, error: String(error) });
          })
          .finally(() => {
            // One that has ended by itself stays, so that it does not begin again as long as it is named.
            if (stop.signal.aborted) running.delete(token);
          });
        running.set(token, { stop, done });
      }
    },
    endAll: async () => {
      for (const token of running.keys()) end(token);
      await Promise.all([...running.values()].map(({ done }) => done));
    },
  };
}

async function keepWatching(options: Options, watch: Watch, signal: AbortSignal): Promise<void> {
  const { link } = options;
  for (let failures = 0; !signal.aborted; ) {
    const begun = performance.now();
    const error = await watchOnce(options, watch, signal);
    if (signal.aborted) return;
    failures = performance.now() - begun > steadyMs ? 1 : failures + 1;
    if (error?.code === 'provider.stale_watch') {
      // Not ours any more: the next commands say so. Or the server has lost its place: begin anew.
      await sleep(retryInMs(failures), undefined, { signal });
      continue;
    }
    const passes = error === null || fromStored(error).passing;
    const waitMs = passes ? retryInMs(failures) : null;
    const said: Watching = {
      token: watch.token,
      state: passes ? 'retrying' : 'stopped',
      error: error === null ? null : bounded(error),
      retryInMs: waitMs,
    };
    try {
      await link.insist('watching', said, signal);
    } catch (refused) {
      if (refused instanceof WherryError && refused.code === 'provider.stale_watch') return;
      throw refused;
    }
    if (waitMs === null) return;
    await sleep(waitMs, undefined, { signal });
  }
}

const longestWords = 4_000;

/** The words of a system are its own: a report that is too long to be taken would leave the provider as it was. */
function bounded({ code, params, causes }: StoredError): NonNullable<Watching['error']> {
  const short = Object.entries(params).map(([name, value]) => [
    name,
    typeof value === 'string' ? value.slice(0, longestWords) : value,
  ]);
  return { code, params: Object.fromEntries(short), causes: causes.map((cause) => cause.slice(0, longestWords)) };
}

/** What ended it; null when the source had no more to tell. */
async function watchOnce(
  options: Options,
  { token, providerId }: Watch,
  signal: AbortSignal,
): Promise<StoredError | null> {
  const { link, me } = options;
  let answer: WatchAnswer;
  try {
    answer = await link.insist<WatchAnswer>('watch', { ...me, token }, signal);
  } catch (error) {
    return toStored(error);
  }
  const { account, secrets } = answer;
  let { sequence } = answer;
  const directory = options.directoryOf(`call-${token}`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const over = Promise.withResolvers<StoredError | null>();
  const pass = async (request: number, news: string): Promise<void> => {
    await link.insist('inventory', `{"token":"${token}","sequence":${sequence},"news":${news}}`, signal);
    sequence += 1;
    child.send({ kind: 'sent', request });
  };
  // In order; behind one that was not taken none goes.
  let passing: Promise<void> = Promise.resolve();
  const child = startWatchChild({
    directory,
    onMessage: (message) => {
      if (message.kind === 'news') {
        const { request, news } = message;
        passing = passing.then(() => pass(request, news));
        passing.catch((error: unknown) => over.resolve(toStored(error)));
      }
      if (message.kind === 'ended') over.resolve(message.error);
    },
    onOutput: (text) => options.log('info', scrubbed(text, secrets), { providerId }),
  });
  void child.ended.then((how) => over.resolve(scrubbed(toStored(options.childDied(how)), secrets)));
  const stop = (): void => over.resolve(null);
  signal.addEventListener('abort', stop, { once: true });
  child.send({ kind: 'watch', account, secrets });
  try {
    return await over.promise;
  } finally {
    signal.removeEventListener('abort', stop);
    child.send({ kind: 'stop' });
    await Promise.race([child.ended, sleep(signOutMs, undefined, { ref: false })]);
    await child.kill();
    await rm(directory, { recursive: true, force: true });
  }
}
