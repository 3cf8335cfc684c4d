import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { chunkDigest, leafBytes, zeroChunkDigest, zeroLeafDigest } from './digest.ts';
import { type JournalRecord, openJournal } from './journal.ts';

const MiB = 1024 * 1024;
const header = { diskId: 'sda', sizeBytes: 200 * MiB, identity: 'inode 7' };
let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-journal-'));
  path = join(directory, 'journal');
});
afterEach(() => rm(directory, { recursive: true }));

const leaves = Array.from({ length: 16 }, () => randomBytes(32));
const records: JournalRecord[] = [
  ...leaves.map((digest, leaf) => ({ kind: 'leaf', leaf, digest }) as const),
  { kind: 'zeros', first: 16, count: 20 },
  { kind: 'chunk', chunk: 3, digest: randomBytes(32) },
  { kind: 'forget', first: 33, count: 1 },
];

it('gives back what was appended, and says which chunks became complete', async () => {
  {
    await using journal = await openJournal(path, header);
    expect(journal.resumed).toBe(false);
    const completed = await journal.append(records);
    expect(completed.map(({ chunk }) => chunk)).toEqual([0, 1]);
  }
  await using journal = await openJournal(path, header);
  expect(journal).toMatchObject({ resumed: true, startedOver: null });
  expect(journal.coverage.chunk(0)?.equals(chunkDigest(leaves))).toBe(true);
  expect(journal.coverage.chunk(1)?.equals(zeroChunkDigest(64 * MiB))).toBe(true);
  expect(journal.coverage.chunk(2)).toBeUndefined();
  expect(journal.coverage.has(32)).toBe(true);
  expect(journal.coverage.has(33)).toBe(false);
  expect(journal.coverage.has(36)).toBe(false);
  expect(journal.coverage.doneLeaves).toBe(16 + 19 + 2);
  expect((await journal.leavesOf(0)).get(5)?.equals(leaves[5] ?? Buffer.alloc(0))).toBe(true);
  // Leaves of zeros have digests of their own, too; what was forgotten has none.
  const third = await journal.leavesOf(2);
  expect([...third.keys()]).toEqual([32, 34, 35]);
  expect(third.get(32)?.equals(zeroLeafDigest(leafBytes))).toBe(true);
});

it('uses exactly the whole records before a tail torn at any byte, and can go on from there', async () => {
  await (await openJournal(path, header))[Symbol.asyncDispose]();
  const start = (await readFile(path)).length;
  {
    await using journal = await openJournal(path, header);
    await journal.append(records.slice(0, 4));
  }
  const whole = (await readFile(path)).length;
  expect(whole).toBe(start + 4 * 45);
  for (let length = 0; length <= whole; length += 1) {
    const torn = join(directory, 'torn');
    await copyFile(path, torn);
    await truncate(torn, length);
    {
      await using journal = await openJournal(torn, header);
      expect(journal.coverage.doneLeaves).toBe(length < start ? 0 : Math.floor((length - start) / 45));
      await journal.append(records.slice(10, 11));
    }
    await using again = await openJournal(torn, header);
    expect(again.coverage.has(10)).toBe(true);
  }
});

it('trusts nothing from a changed byte on', async () => {
  {
    await using journal = await openJournal(path, header);
    await journal.append(records.slice(0, 4));
  }
  const whole = await readFile(path);
  const start = whole.length - 4 * 45;
  for (let at = start; at < whole.length; at += 1) {
    const bad = Buffer.from(whole);
    bad[at] = (bad[at] ?? 0) ^ 0x10;
    await writeFile(path, bad);
    await using journal = await openJournal(path, header);
    expect(journal.coverage.doneLeaves).toBe(Math.floor((at - start) / 45));
  }
});

it.each([
  [{ ...header, identity: 'inode 8' }, 'it was inode 7, now it is inode 8'],
  [{ ...header, sizeBytes: 100 * MiB }, 'size of the disk changed'],
  [{ ...header, diskId: 'sdb' }, 'belongs to disk sda'],
])('starts over, and says why, when it is about something else', async (other, why) => {
  {
    await using journal = await openJournal(path, header);
    await journal.append(records);
  }
  {
    await using journal = await openJournal(path, other);
    expect(journal.startedOver).toContain(why);
    expect(journal.coverage.doneLeaves).toBe(0);
  }
  await using journal = await openJournal(path, other);
  expect(journal.startedOver).toBeNull();
});

it('starts over when the file is no journal, or its header is damaged', async () => {
  await writeFile(path, randomBytes(500));
  await using journal = await openJournal(path, header);
  expect(journal.startedOver).toContain('cannot be read');
});
