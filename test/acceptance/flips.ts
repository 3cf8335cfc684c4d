/** The verification by itself, a hundred times: one flipped bit each time, somewhere else, before or after the copy ended. */
import { createHash } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { WherryError } from '../../src/model/errors.ts';
import type { FailPoint } from '../../src/model/fail-points.ts';
import { runChild } from '../../src/process/child.ts';
import { restoreClusters } from '../../src/transfer/apply.ts';
import { copyDisk } from '../../src/transfer/copy.ts';
import { chunkCount, leafBytes, leafRange } from '../../src/transfer/digest.ts';
import type { Disk, WritableDisk } from '../../src/transfer/disk.ts';
import { follow, rest } from '../../src/transfer/follow.ts';
import { createImageTools } from '../../src/transfer/images.ts';
import { openJournal } from '../../src/transfer/journal.ts';
import { type Mismatch, verifyDisk } from '../../src/transfer/verify.ts';
import { throughFaults } from '../peers/faulty-disk.ts';
import { type Place, flipStored, hostOffset } from './flip.ts';

export type Round = {
  readonly format: 'raw' | 'qcow2';
  /**
   * `while`: the way to the target does it, at the flush. `after`: it happens to the file between copy and verification.
   * `beside`: to the file of a qcow2 that is still written, once the place has been flushed and before it is read back.
   */
  readonly when: 'while' | 'beside' | 'after';
  readonly place: Place;
  /** What is copied again is spoiled again. */
  readonly persists: boolean;
  /** A directory of its own, made and removed. */
  readonly directory: string;
};

export type RoundResult = {
  /** Found with the right offset and both right digests, and copied again once; then healed, or refused as `persists` says. */
  readonly found: boolean;
  /** Chunks that a verification without a flip called wrong. */
  readonly falseAlarms: number;
  readonly detail: string;
};

const disk = 'sda';
const { signal } = new AbortController();
const tools = createImageTools();

/** The raw image at `source`, opened as `from`: the same for all rounds. */
export async function flipOnce(source: string, from: Disk, round: Round): Promise<RoundResult> {
  const { directory, format, place, persists } = round;
  await mkdir(directory, { mode: 0o700 });
  try {
    const path = join(directory, `target.${format}`);
    const openTarget = (readOnly: boolean): Promise<WritableDisk> =>
      tools.openVolume({ path, format, readOnly, startsZeroed: true }, directory, signal);
    const { sizeBytes } = from;
    await runChild('qemu-img', ['create', '-q', '-f', format, path, String(sizeBytes)]);
    const target = await openThrough(round, openTarget);
    await using journal = await openJournal(join(directory, 'journal'), { diskId: disk, sizeBytes, identity: 'i' });
    const { coverage } = journal;
    const follower = follow(disk, target, coverage, signal);
    const onChunk = follower.done.bind(follower);
    let due = round.when === 'beside';
    const failPoint = async (point: FailPoint): Promise<void> => {
      if (!due || point !== 'copy.flushed.before-journal' || (await hostOffset(path, place.offset)) === null) return;
      due = false;
      await flipStored(path, format, place);
    };
    const copy = { diskId: disk, source: from, target, journal, onChunk, failPoint };
    await copyDisk(copy, signal).finally(() => follower.end());
    // What is spoiled afterwards is looked for in all that is there, as it is after a copy that went on from a journal.
    const proved = round.when === 'after' ? [] : await follower.proved();
    await follower.proved();
    await target.close();
    if (round.when === 'after') await flipStored(path, format, place);

    const told: Mismatch[] = [];
    let again = 0;
    const verifying = (): ReturnType<typeof verifyDisk> =>
      verifyDisk(
        {
          diskId: disk,
          coverage,
          open: () => openTarget(true),
          feed: rest(chunkCount(sizeBytes), proved),
          leavesOf: (chunk) => journal.leavesOf(chunk),
          onMismatch: (mismatch) => told.push(mismatch),
          copyAgain: async (_chunk, range) => {
            again += 1;
            const writable = await openTarget(false);
            const clusters = [{ ...range, kind: 'data' as const }];
            await restoreClusters({ diskId: disk, source: from, target: writable, clusters }, signal);
            await writable.close();
            if (persists) await flipStored(path, format, place);
          },
        },
        signal,
      );
    const outcome = await verifying().catch((error: unknown) => error);
    const expected = await expectedMismatch(source, sizeBytes, place);
    const named = told.length === 1 && same(told[0], expected) && again === 1;
    const { offset, length, ...digests } = expected;
    const params = { disk, offset, length, ...digests };
    const refused =
      outcome instanceof WherryError &&
      outcome.code === 'transfer.verify_mismatch' &&
      Object.entries(params).every(([name, value]) => outcome.params[name] === value);
    const healed = !(outcome instanceof Error) && (await isSame(source, path, format));
    const detail = JSON.stringify({ ...round, told, again, outcome: String(outcome) });
    told.length = 0;
    if (!persists && healed) await verifying();
    return { found: named && (persists ? refused : healed), falseAlarms: told.length, detail };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A raw image as a migration opens it; a helper's socket goes into `directory`. */
export async function openRaw(path: string, directory: string): Promise<Disk> {
  const file = await open(path, 'r');
  const { size } = await file.stat();
  await file.close();
  const place = { path, offset: 0, lengthBytes: size, gzip: false, sibling: () => null };
  return tools.openStored({ ...place, format: 'raw', vm: 'vm', disk }, directory, signal);
}

/** The fault device before the image; a raw one can be read beside it, as the image itself can. */
async function openThrough(
  { when, place, format, directory }: Round,
  openTarget: (readOnly: boolean) => Promise<WritableDisk>,
): Promise<WritableDisk> {
  const image = await openTarget(false);
  if (when !== 'while') return image;
  const device = await throughFaults(
    image,
    { flips: [place], times: 1, unreadable: [] },
    join(directory, 'fault'),
    signal,
  );
  return format === 'raw' ? { ...device, readBack: () => openTarget(true) } : device;
}

/** Computed from the source alone. */
async function expectedMismatch(
  source: string,
  sizeBytes: number,
  { offset, bit }: Place,
): Promise<Omit<Mismatch, 'chunk'>> {
  const range = leafRange(Math.floor(offset / leafBytes), sizeBytes);
  const file = await open(source, 'r');
  const bytes = Buffer.alloc(range.length);
  await file.read(bytes, 0, bytes.length, range.offset);
  await file.close();
  const digest = (): string => createHash('sha256').update(bytes).digest('hex');
  const expected = digest();
  const at = offset - range.offset;
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
  return { ...range, expected, found: digest() };
}

function same(told: Mismatch | undefined, expected: Omit<Mismatch, 'chunk'>): boolean {
  if (told === undefined) return false;
  const { chunk: _chunk, ...named } = told;
  return JSON.stringify(named) === JSON.stringify(expected);
}

async function isSame(raw: string, path: string, format: string): Promise<boolean> {
  return runChild('qemu-img', ['compare', '-q', '-f', 'raw', '-F', format, raw, path]).then(
    () => true,
    () => false,
  );
}
