/**
 * Where QEMU finds the clusters of an image of ours: the word of `qemu-img map`, which reads the tables past the page cache
 * and takes part in QEMU's locks, so nobody writes meanwhile. `qemu-img check` says besides that no cluster of the file serves
 * two purposes: what was read from one may not have been overwritten as another since. Both beside each other; 40 ms.
 *
 * NBD's block status cannot take its place: it says what is data and what is not, never where.
 */
import { WherryError } from '../../model/errors.ts';
import { startChild } from '../../process/child.ts';
import { imageOptions } from '../nbd/image-options.ts';
import { clusterBytes } from './fresh-layout.ts';
import { type Places, createPlaces, hole } from './places.ts';

/** 3: clusters that nobody uses, which harm nothing (qemu-img(1)). */
const checkIsWell = [0, 3];
const checkFoundDamage = 2;

/** A run of guest bytes; `place`: where its first byte is in the file, `hole` where it reads as zeros. */
type Run = { readonly start: number; readonly length: number; readonly place: number };

/**
 * Its output is digested as it comes, so that an image of many fragments costs no more memory.
 * @throws WherryError transfer.image_damaged: reading may be right, but a guest’s first write would destroy what is there. An
 * Error when it is locked by a writer, or its map is not what one of ours looks like: then nothing is known.
 */
export async function placesByQemu(path: string, sizeBytes: number, signal: AbortSignal): Promise<Places> {
  const image = imageOptions({ path, format: 'qcow2', pastCache: true });
  const places = createPlaces(sizeBytes);
  const map = readMap(sizeBytes, ({ start, length, place }) =>
    places.put(start / clusterBytes, Math.ceil(length / clusterBytes), place),
  );
  const ended = await Promise.allSettled([
    ask(['map', '--output=json', image], [0], signal, (line) => map.line(line)),
    ask(['check', '-q', image], checkIsWell, signal, () => undefined).catch((error: unknown) => {
      const damaged = error instanceof Ended && error.code === checkFoundDamage;
      throw damaged ? new WherryError('transfer.image_damaged', { path }, error) : error;
    }),
  ]);
  signal.throwIfAborted();
  // The check has the last word: of a damaged image the map may be strange too.
  for (const each of ended.toReversed()) if (each.status === 'rejected') throw each.reason;
  map.end();
  return places;
}

/** Takes the map apart, line by line, and tells of runs that are joined as far as they go. */
export function readMap(sizeBytes: number, tell: (run: Run) => void): { line(text: string): void; end(): void } {
  let last: Run | undefined;
  const flush = (): void => {
    if (last === undefined) return;
    if (last.start % clusterBytes !== 0 || last.place % clusterBytes !== 0) throw strange(JSON.stringify(last));
    tell(last);
  };
  const at = (): number => (last === undefined ? 0 : last.start + last.length);
  return {
    line(text) {
      for (const [found] of text.matchAll(/\{[^{}]*\}/g)) {
        const run = runOf(found);
        if (run.start !== at() || run.length <= 0 || run.start + run.length > sizeBytes) throw strange(found);
        if (last !== undefined && run.place === (last.place === hole ? hole : last.place + last.length)) {
          last = { ...last, length: last.length + run.length };
          continue;
        }
        flush();
        last = run;
      }
    },
    end() {
      flush();
      if (at() !== sizeBytes) throw strange(`it ends at ${at()} of ${sizeBytes}`);
    },
  };
}

/** Data without an offset (compressed), or in another file than this, is nothing that we have written. */
function runOf(text: string): Run {
  const entry: unknown = JSON.parse(text);
  if (entry === null || typeof entry !== 'object') throw strange(text);
  const { start, length, depth, data, zero, offset, compressed } = entry as Readonly<Record<string, unknown>>;
  if (!isCount(start) || !isCount(length) || depth !== 0 || (compressed ?? false) !== false) throw strange(text);
  if (data === false && zero === true) return { start, length, place: hole };
  if (data !== true || !isCount(offset) || offset === hole) throw strange(text);
  return { start, length, place: offset };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function strange(what: string): Error {
  return new Error(`the map of an image that was copied to is not one of ours: ${what.slice(0, 500)}`);
}

async function ask(
  args: readonly string[],
  fine: readonly (number | null)[],
  signal: AbortSignal,
  onLine: (line: string) => void,
): Promise<void> {
  signal.throwIfAborted();
  let failure: { readonly error: unknown } | undefined;
  const child = await startChild('qemu-img', args, {
    onLine: (stream, line) => {
      if (stream !== 'stdout' || failure !== undefined) return;
      try {
        onLine(line);
      } catch (error) {
        failure = { error };
        void child.stop();
      }
    },
  });
  const onAbort = (): void => void child.stop();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const { code, stderrTail } = await child.exited;
  signal.removeEventListener('abort', onAbort);
  if (failure !== undefined) throw failure.error;
  if (!fine.includes(code)) throw new Ended(`qemu-img ${args[0]} ended with ${code}: ${stderrTail.trim()}`, code);
}

class Ended extends Error {
  readonly code: number | null;
  constructor(message: string, code: number | null) {
    super(message);
    this.code = code;
  }
}
