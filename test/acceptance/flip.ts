/** A bit that goes wrong in an image at rest, as a disk that rots would have it: in the file, past everybody. */
import { open } from 'node:fs/promises';
import { runChild } from '../../src/process/child.ts';

/** A byte of the logical content, and which bit of it. `inHole`: the copy has nothing to write there. */
export type Place = { readonly offset: number; readonly bit: number; readonly inHole: boolean };

export async function flipStored(path: string, format: 'raw' | 'qcow2', { offset, bit }: Place): Promise<void> {
  const at = format === 'raw' ? offset : await hostOffset(path, offset);
  if (at === null) {
    // A cluster that the image does not have: it gets one, with this bit in it.
    await runChild('qemu-io', ['-f', 'qcow2', '-c', `write -P ${1 << bit} ${offset} 1`, path]);
    return;
  }
  await using file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ (1 << bit);
  await file.write(byte, 0, 1, at);
  await file.sync();
}

type MapEntry = { readonly start: number; readonly length: number; readonly data: boolean; readonly offset?: number };

/**
 * Where in the file a byte of the disk is, by what was flushed; null where the image holds no data of its own for it. Whoever
 * writes to it may go on.
 */
export async function hostOffset(path: string, offset: number): Promise<number | null> {
  const map = JSON.parse(await runChild('qemu-img', ['map', '-U', '--output=json', '-f', 'qcow2', path])) as MapEntry[];
  const entry = map.find(({ start, length }) => offset >= start && offset < start + length);
  if (entry?.data !== true || entry.offset === undefined) return null;
  return entry.offset + (offset - entry.start);
}
