/**
 * The overlay that a guest is converted in: a local qcow2 file over an NBD export that is only ever read. What the
 * conversion wrote or trimmed is in the overlay's own clusters, all else shines through from behind.
 */
import type { Extent } from '../transfer/disk.ts';
import { WherryError } from '../model/errors.ts';
import { runChild, startChild } from '../process/child.ts';

export type OverlayRequest = {
  /** The file to make. One that is there already is replaced. */
  readonly path: string;
  readonly backing: { readonly socketPath: string; readonly exportName: string };
  readonly sizeBytes: number;
};

/** Makes an overlay. The NBD server must be there and the export readable. @throws conversion.overlay */
export async function createOverlay(request: OverlayRequest, signal: AbortSignal): Promise<void> {
  const { socketPath, exportName } = request.backing;
  const server = { type: 'unix', path: socketPath };
  const backing = `json:${JSON.stringify({ driver: 'raw', file: { driver: 'nbd', server, export: exportName } })}`;
  const args = ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', backing, '-o', 'compat=1.1,lazy_refcounts=off'];
  try {
    await runChild('qemu-img', [...args, '--', request.path, String(request.sizeBytes)], { signal, timeoutMs: 60_000 });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new WherryError('conversion.overlay', { path: request.path, action: 'created' }, error);
  }
}

/**
 * The overlay as something to open without what is behind it: reads of clusters that the overlay holds are right (a
 * cluster that was written in part was filled from behind when it was written), all others read as zeros.
 */
export function overlayAlone(path: string): string {
  const file = { driver: 'file', filename: path };
  return `json:${JSON.stringify({ driver: 'qcow2', file, backing: null })}`;
}

/** More lines than this wait to be taken: qemu-img is made to wait as well. */
const queueLength = 4096;

/**
 * The clusters that the overlay itself holds, in order: `data` was written, `zero` was trimmed or zeroed. What shines
 * through from behind is left out. The disk behind need not be reachable. @throws conversion.overlay
 */
export async function* overlayClusters(path: string, signal: AbortSignal): AsyncGenerator<Extent> {
  signal.throwIfAborted();
  const queue: string[] = [];
  let wake = Promise.withResolvers<void>();
  const child = await startChild('qemu-img', ['map', '--output=json', overlayAlone(path)], {
    onLine: (stream, line) => {
      if (stream !== 'stdout') return;
      queue.push(line);
      if (queue.length >= queueLength) child.process.stdout?.pause();
      wake.resolve();
    },
  });
  let ended = false;
  const exited = child.exited.finally(() => {
    ended = true;
    wake.resolve();
  });
  const onAbort = (): void => void child.stop(500);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    let last: Extent | undefined;
    for (;;) {
      const lines = queue.splice(0);
      child.process.stdout?.resume();
      for (const line of lines) {
        const extent = parseMapLine(line);
        if (extent === null) continue;
        if (last !== undefined && last.kind === extent.kind && last.offset + last.length === extent.offset) {
          last = { ...last, length: last.length + extent.length };
          continue;
        }
        if (last !== undefined) yield last;
        last = extent;
      }
      if (lines.length > 0) continue;
      if (ended) break;
      await wake.promise;
      wake = Promise.withResolvers();
    }
    signal.throwIfAborted();
    const exit = await exited;
    if (exit.code !== 0)
      throw new Error(`qemu-img map ended with ${exit.code ?? exit.signal}: ${exit.stderrTail.trim()}`);
    if (last !== undefined) yield last;
  } catch (error) {
    if (signal.aborted) throw error;
    throw new WherryError('conversion.overlay', { path, action: 'read' }, error);
  } finally {
    signal.removeEventListener('abort', onAbort);
    child.process.stdout?.resume();
    await child.stop(500);
  }
}

/**
 * One line of `qemu-img map --output=json`, which is one element of the array (with its brackets and commas). Null for
 * what the image does not hold itself. @throws when it is anything else than such a line.
 */
export function parseMapLine(line: string): Extent | null {
  const text = line
    .trim()
    .replace(/^\[/, '')
    .replace(/[\],]+$/, '')
    .trim();
  if (text === '') return null;
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error(`not an extent: ${line}`);
  const { start, length, depth, present, zero } = value as Record<string, unknown>;
  const numbers = [start, length, depth];
  if (typeof start !== 'number' || typeof length !== 'number' || !numbers.every((each) => Number.isSafeInteger(each))) {
    throw new Error(`not an extent: ${line}`);
  }
  if (typeof zero !== 'boolean' || typeof present !== 'boolean') {
    throw new Error(`qemu-img does not say whether a cluster is present (QEMU 6.1 or newer is needed): ${line}`);
  }
  if (!present || depth !== 0) return null;
  return { offset: start, length, kind: zero ? 'zero' : 'data' };
}
