import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { applyOverlay, restoreClusters, verifyApplied } from './apply.ts';
import { copyDisk } from './copy.ts';
import { type Coverage, createCoverage } from './coverage.ts';
import { contentOf, crashDisk } from './crash-disk.ts';
import { leafBytes, leafDigest } from './digest.ts';
import type { Disk, Extent } from './disk.ts';
import { createFeed } from './feed.ts';
import { follow, rest } from './follow.ts';
import { openJournal } from './journal.ts';

import { verifyDisk } from './verify.ts';

const MiB = 1024 * 1024;
const never = new AbortController().signal;
const sizeBytes = 137 * MiB + 999;
const extents: Extent[] = [
  { offset: 0, length: 9 * MiB, kind: 'data' },
  { offset: 9 * MiB, length: 60 * MiB, kind: 'zero' },
  { offset: 69 * MiB, length: 3 * MiB + 17, kind: 'data' },
  { offset: 72 * MiB + 17, length: 26 * MiB - 17, kind: 'zero' },
  { offset: 98 * MiB, length: 25 * MiB, kind: 'data' },
  { offset: 123 * MiB, length: 13 * MiB, kind: 'zero' },
  { offset: 136 * MiB, length: sizeBytes - 136 * MiB, kind: 'data' },
];
const content = contentOf(sizeBytes, extents, 99);
const discarded = [{ offset: 100 * MiB, length: 20 * MiB }];

async function copied(withDiscards = false): Promise<{ target: Buffer; coverage: Coverage }> {
  const target = crashDisk(Buffer.alloc(sizeBytes));
  const source = crashDisk(content, { extents });
  const request = { diskId: 'sda', source, target, ...(withDiscards ? { discarded: () => discarded } : {}) };
  const { coverage } = await copyDisk(request, never);
  return { target: target.content, coverage };
}
const opener = (target: Buffer, options: { extents?: readonly Extent[] } = { extents }) => {
  let opened = 0;
  const open = async (): Promise<Disk> => {
    opened += 1;
    return crashDisk(target, options);
  };
  return { open, opened: () => opened };
};

it('finds every flipped bit of 100, names the disk and both digests, and finds none where there is none (control)', async () => {
  const small = randomBytes(5 * MiB + 77);
  const target = Buffer.alloc(small.length);
  const disks = { source: crashDisk(small), target: crashDisk(target) };
  const { coverage } = await copyDisk({ diskId: 'sda', ...disks }, never);
  const { open } = opener(target, {});
  await verifyDisk({ diskId: 'sda', open, coverage }, never);
  const expected = coverage.chunk(0)?.toString('hex') ?? '';
  for (let round = 0; round < 100; round += 1) {
    const at = randomInt(target.length);
    target[at] = (target[at] ?? 0) ^ (1 << randomInt(8));
    const error: unknown = await verifyDisk({ diskId: 'sda', open, coverage }, never).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'transfer.verify_mismatch', params: { disk: 'sda', offset: 0, expected } });
    small.copy(target, at, at, at + 1);
  }
  await verifyDisk({ diskId: 'sda', open, coverage }, never);
});

it('names the leaf where single digests are known', async () => {
  const { target, coverage } = await copied();
  const clean = new Map<number, Buffer>();
  for (let leaf = 0; leaf < 2; leaf += 1) {
    clean.set(leaf, leafDigest(content.subarray(leaf * leafBytes, (leaf + 1) * leafBytes)));
  }
  target[5 * MiB] = (target[5 * MiB] ?? 0) ^ 1;
  const leavesOf = async (): Promise<Map<number, Buffer>> => clean;
  const expected = clean.get(1)?.toString('hex');
  await expect(verifyDisk({ diskId: 'sda', ...opener(target), coverage, leavesOf }, never)).rejects.toMatchObject({
    params: { offset: leafBytes, length: leafBytes, expected },
  });
});

it('copies a wrong chunk again once, over a fresh connection, and gives up when it is wrong still', async () => {
  const { target, coverage } = await copied();
  const { open, opened } = opener(target);
  target[70 * MiB] = (target[70 * MiB] ?? 0) ^ 1;
  const again: number[] = [];
  const copyAgain = async (chunk: number): Promise<void> => {
    again.push(chunk);
    content.copy(target, 70 * MiB, 70 * MiB, 70 * MiB + 1);
  };
  const told: unknown[] = [];
  const onMismatch = (mismatch: unknown): void => void told.push(mismatch);
  const result = await verifyDisk({ diskId: 'sda', open, coverage, copyAgain, onMismatch }, never);
  expect(again).toEqual([1]);
  expect(result.copiedAgain).toEqual([1]);
  const expected = coverage.chunk(1)?.toString('hex');
  const found = expect.stringMatching(/^[0-9a-f]{64}$/);
  expect(told).toEqual([{ chunk: 1, offset: 64 * MiB, length: 64 * MiB, expected, found }]);
  expect(told).not.toEqual([expect.objectContaining({ found: expected })]);
  expect(opened()).toBe(2);
  target[70 * MiB] = (target[70 * MiB] ?? 0) ^ 1;
  const useless = async (chunk: number): Promise<void> => void again.push(chunk);
  await expect(verifyDisk({ diskId: 'sda', open, coverage, copyAgain: useless }, never)).rejects.toMatchObject({
    code: 'transfer.verify_mismatch',
  });
  expect(again).toEqual([1, 1]);
});

it('follows a copy while it runs', async () => {
  const target = crashDisk(Buffer.alloc(sizeBytes));
  const feed = createFeed<number>();
  const directory = await mkdtemp(join(tmpdir(), 'wherry-follow-'));
  try {
    await using journal = await openJournal(`${directory}/j`, { diskId: 'sda', sizeBytes, identity: 'i' });
    const onChunk = (some: readonly { chunk: number }[]): void => feed.push(some.map(({ chunk }) => chunk));
    const source = crashDisk(content, { extents });
    const copying = copyDisk({ diskId: 'sda', source, target, journal, onChunk }, never).finally(() => feed.end());
    const { open } = opener(target.content);
    const [verified] = await Promise.all([
      verifyDisk({ diskId: 'sda', open, coverage: journal.coverage, feed }, never),
      copying,
    ]);
    expect(verified.chunks).toBe(3);
  } finally {
    await rm(directory, { recursive: true });
  }
});

it('proves chunks while the copy runs, and leaves a wrong one to the verification after it', async () => {
  const spoiled = crashDisk(Buffer.alloc(sizeBytes));
  spoiled.spoil = (call, offset, data) => {
    if (call === 'write' && offset <= 70 * MiB && offset + data.length > 70 * MiB) data[70 * MiB - offset]! ^= 1;
  };
  const target = { ...spoiled, readBack: async () => crashDisk(spoiled.content, { extents }) };
  const coverage = createCoverage(sizeBytes);
  const follower = follow('sda', target, coverage, never);
  const directory = await mkdtemp(join(tmpdir(), 'wherry-follow-'));
  try {
    await using journal = await openJournal(`${directory}/j`, { diskId: 'sda', sizeBytes, identity: 'i' });
    const onChunk = (chunks: readonly { chunk: number; digest: Buffer }[]): void => {
      for (const { chunk, digest } of chunks) coverage.markChunk(chunk, digest);
      follower.done(chunks);
    };
    await copyDisk({ diskId: 'sda', source: crashDisk(content, { extents }), target, journal, onChunk }, never);
    follower.end();
    const proved = await follower.proved();
    expect(proved).not.toContain(1);
    const open = target.readBack;
    const feed = () => rest(3, proved);
    await expect(verifyDisk({ diskId: 'sda', open, coverage, feed: feed() }, never)).rejects.toMatchObject({
      code: 'transfer.verify_mismatch',
    });
    content.copy(spoiled.content, 70 * MiB, 70 * MiB, 70 * MiB + 1);
    const { chunks } = await verifyDisk({ diskId: 'sda', open, coverage, feed: feed() }, never);
    expect(chunks).toBe(3 - proved.length);
  } finally {
    await rm(directory, { recursive: true });
  }
});

it('reads data where zeros are expected, but takes the word of the target for holes', async () => {
  const { target, coverage } = await copied();
  const hole = await verifyDisk({ diskId: 'sda', ...opener(target), coverage }, never);
  const data = extents.filter(({ kind }) => kind === 'data').reduce((sum, { length }) => sum + length, 0);
  expect(hole.bytesRead).toBe(data);
  target[40 * MiB] = 1;
  await expect(verifyDisk({ diskId: 'sda', ...opener(target, {}), coverage }, never)).rejects.toMatchObject({
    code: 'transfer.verify_mismatch',
    params: { offset: 0 },
  });
});

it('applies an overlay, proves it, and puts the source back for another one', async () => {
  const { target } = await copied();
  const disk = crashDisk(target);
  const overlay = crashDisk(randomBytes(sizeBytes));
  const clusters: Extent[] = [
    { offset: 65536, length: 3 * MiB, kind: 'data' },
    { offset: 20 * MiB, length: 65536, kind: 'data' },
    { offset: 80 * MiB, length: 2 * MiB, kind: 'zero' },
    { offset: sizeBytes - 999, length: 999, kind: 'data' },
  ];
  const points: string[] = [];
  const failPoint = async (point: string): Promise<void> => void points.push(point);
  const applied = await applyOverlay({ diskId: 'sda', overlay, clusters, target: disk, failPoint }, never);
  expect(applied).toMatchObject({ clusters: 4, bytesWritten: 3 * MiB + 65536 + 999, bytesZeroed: 2 * MiB });
  expect(points).toEqual(['apply.half']);
  await verifyApplied({ diskId: 'sda', overlay, clusters, target: disk }, never);
  expect(target.equals(content)).toBe(false);
  for (const at of [65536, 20 * MiB + 65535, 81 * MiB, sizeBytes - 1]) {
    target[at] = (target[at] ?? 0) ^ 4;
    await expect(verifyApplied({ diskId: 'sda', overlay, clusters, target: disk }, never)).rejects.toMatchObject({
      code: 'transfer.applied_mismatch',
    });
    target[at] = (target[at] ?? 0) ^ 4;
  }
  await restoreClusters({ diskId: 'sda', source: crashDisk(content), target: disk, clusters }, never);
  expect(target.equals(content)).toBe(true);
});
