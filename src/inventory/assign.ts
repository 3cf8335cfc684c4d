/** Which worker watches a provider. Pure. */

export type WorkerFacts = {
  readonly id: string;
  readonly name: string;
  readonly alive: boolean;
  /** Since it was last heard of. */
  readonly silentMs: number;
  /** VM migrations that run there, and watches. */
  readonly load: number;
  readonly lastSeenAt: Date;
};

export type Assignment =
  | { readonly kind: 'keep' }
  | { readonly kind: 'assign'; readonly workerId: string }
  /** Nobody can: `worker` is the one that should and is silent, where one is named. */
  | { readonly kind: 'nobody'; readonly worker: WorkerFacts | null };

/**
 * @param via the worker that has to, null: any
 * @param unable those that have said that they cannot, though another might
 * @param current the one that does
 * @param moveAfterMs how long that one may be silent before another gets its watch: a read from the beginning costs more
 *   than a pause
 */
export function assign(
  {
    via,
    current,
    unable = [],
  }: { readonly via: string | null; readonly current: string | null; readonly unable?: readonly string[] },
  workers: readonly WorkerFacts[],
  moveAfterMs: number,
): Assignment {
  const of = (id: string | null): WorkerFacts | null => workers.find((worker) => worker.id === id) ?? null;
  const mayKeep = (worker: WorkerFacts | null): boolean =>
    worker !== null && (worker.alive || worker.silentMs < moveAfterMs);
  if (current !== null && (via === null || via === current) && mayKeep(of(current))) return { kind: 'keep' };
  const able = workers.filter(({ id, alive }) => alive && (via === null ? !unable.includes(id) : id === via));
  const best = able.toSorted((a, b) => a.load - b.load || a.id.localeCompare(b.id, 'en'))[0];
  return best === undefined ? { kind: 'nobody', worker: of(via) } : { kind: 'assign', workerId: best.id };
}
