import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runChild } from '../process/child.ts';
import { appliedDigests } from './applied-digests.ts';
import { applyOverlay } from './apply.ts';
import { copyDisk } from './copy.ts';
import { type Coverage, createCoverage } from './coverage.ts';
import { contentOf, crashDisk } from './crash-disk.ts';
import { chunkBytes, leafBytes, leafDigest } from './digest.ts';
import type { Extent } from './disk.ts';
import { checkAgainstManifest } from './manifest-check.ts';
import { checkFile } from './manifest-file.ts';
import { parseManifest, parseManifests } from './manifest-parse.ts';
import { writeManifest } from './manifest.ts';

const MiB = 1024 * 1024;
const never = new AbortController().signal;
const sizeBytes = 137 * MiB + 512;
const extents: Extent[] = [
  { offset: 0, length: 9 * MiB, kind: 'data' },
  { offset: 9 * MiB, length: 60 * MiB, kind: 'zero' },
  { offset: 69 * MiB, length: 3 * MiB, kind: 'data' },
  { offset: 72 * MiB, length: 26 * MiB, kind: 'zero' },
  { offset: 98 * MiB, length: sizeBytes - 98 * MiB, kind: 'data' },
];
const content = contentOf(sizeBytes, extents, 7);
const discarded = [{ offset: 100 * MiB, length: 20 * MiB }];
const refused = { code: 'transfer.manifest_invalid' };

async function copied(withDiscards = false): Promise<{ target: Buffer; coverage: Coverage }> {
  const target = crashDisk(Buffer.alloc(sizeBytes));
  const source = crashDisk(content, { extents });
  const request = { diskId: 'sda', source, target, ...(withDiscards ? { discarded: () => discarded } : {}) };
  const { coverage } = await copyDisk(request, never);
  return { target: target.content, coverage };
}
const folder = async (): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'wherry-manifest-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
};
const noLeaves = async (): Promise<Map<number, Buffer>> => new Map();
const flip = (bytes: Buffer, at: number): void => void (bytes[at] = (bytes[at] ?? 0) ^ 1);

describe('a disk against its manifest', () => {
  it('is right as a whole, leaf by leaf where parts were discarded, and wrong where a bit differs', async () => {
    const { target, coverage } = await copied(true);
    const manifest = await parseManifest(writeManifest({ disk: 'sda', coverage, discarded, applied: [] }));
    expect(manifest.discarded).toEqual(discarded);
    const check = () => checkAgainstManifest(crashDisk(target, { extents }), manifest, never);
    const right = await check();
    expect(right).toMatchObject({ differences: [], more: false, unknown: discarded });
    expect(right.bytesProved).toBe(sizeBytes - 20 * MiB);
    target[110 * MiB] = 1; // discarded: nothing is known of it
    expect((await check()).differences).toEqual([]);
    flip(target, 121 * MiB);
    expect((await check()).differences).toMatchObject([{ offset: 120 * MiB, length: leafBytes }]);
  });

  it('names the first differences in order, all of few and some of many', async () => {
    const { target, coverage } = await copied();
    const manifest = await parseManifest(writeManifest({ disk: 'sda', coverage, discarded: [], applied: [] }));
    const check = (most?: number) => checkAgainstManifest(crashDisk(target, {}), manifest, never, most ? { most } : {});
    for (const at of [sizeBytes - 1, 70 * MiB, 3]) flip(target, at);
    const found = await check();
    expect(found.more).toBe(false);
    expect(found.differences.map(({ offset }) => offset)).toEqual([0, chunkBytes, 2 * chunkBytes]);
    expect(found.differences[0]?.expected).toBe(coverage.chunk(0)?.toString('hex'));
    expect(await check(1)).toMatchObject({ more: true, differences: [{ length: chunkBytes }] });
    const small = crashDisk(target.subarray(1));
    await expect(checkAgainstManifest(small, manifest, never)).rejects.toMatchObject({
      code: 'transfer.manifest_size',
    });
  });
});

describe('after a conversion was applied', () => {
  const overlay = contentOf(sizeBytes, [{ offset: 0, length: sizeBytes, kind: 'data' }], 8);
  const clusters: Extent[] = [
    { offset: 65536, length: 3 * MiB, kind: 'data' },
    { offset: 100 * MiB, length: 20 * MiB, kind: 'zero' },
    { offset: sizeBytes - 512, length: 512, kind: 'data' },
  ];

  it('the digests are those of what the disk holds, and the source’s are kept beside them', async () => {
    const { target, coverage } = await copied(true);
    const source = (await copied()).coverage;
    const disk = crashDisk(target);
    await applyOverlay({ diskId: 'sda', overlay: crashDisk(overlay), clusters, target: disk }, never);
    let leavesAsked = 0;
    const leavesOf = async (chunk: number): Promise<Map<number, Buffer>> => {
      leavesAsked += 1;
      const leaf = chunk * 16 + 1; // one that this worker knows; the rest it reads
      return new Map([[leaf, leafDigest(content.subarray(leaf * leafBytes, (leaf + 1) * leafBytes))]]);
    };
    const sources = new Map<number, Buffer>();
    for await (const { chunk, digest } of appliedDigests({ target: disk, sizeBytes, clusters, leavesOf }, never)) {
      sources.set(chunk, source.chunk(chunk) ?? Buffer.alloc(32));
      coverage.markChunk(chunk, digest);
    }
    expect([...sources.keys()]).toEqual([0, 1, 2]);
    expect(leavesAsked).toBe(3);
    const about = { name: 'Hard disk 1', vm: 'web', final: true };
    const lines = [...writeManifest({ disk: 'sda', coverage, discarded, applied: clusters, sources, about })];
    const manifest = await parseManifest(lines);
    expect(manifest).toMatchObject({ about, discarded });
    expect(manifest.applied.map(({ offset }) => offset)).toEqual(clusters.map(({ offset }) => offset));
    expect(manifest.sources?.get(0)).toEqual(source.chunk(0));
    const fresh = (): Promise<Awaited<ReturnType<typeof checkAgainstManifest>>> =>
      checkAgainstManifest(crashDisk(target), manifest, never);
    expect(await fresh()).toMatchObject({ differences: [], unknown: [], bytesProved: sizeBytes });
    flip(target, 65536);
    expect((await fresh()).differences).toMatchObject([{ offset: 0 }]);
    flip(target, 65536);
    target[110 * MiB] = 1; // was discarded, is zeros for certain now
    expect((await fresh()).differences).toMatchObject([{ offset: chunkBytes }]);
    // (control) What was copied is not what the disk holds.
    const before = await parseManifest(writeManifest({ disk: 'sda', coverage: source, discarded: [], applied: [] }));
    expect((await checkAgainstManifest(crashDisk(target), before, never)).differences).toHaveLength(3);
  });

  it('of a large disk that was trimmed whole nothing is read', async () => {
    const large = 1024 * chunkBytes;
    const target = crashDisk(Buffer.alloc(0));
    let count = 0;
    const trimmed = [{ offset: 0, length: large, kind: 'zero' as const }];
    for await (const { digest } of appliedDigests(
      { target, sizeBytes: large, clusters: trimmed, leavesOf: noLeaves },
      never,
    )) {
      count += 1;
      expect(digest).toHaveLength(32);
    }
    expect(count).toBe(1024);
  });
});

describe('an image file against its manifest', () => {
  it('is proved as raw and as qcow2; an image that refers to others is refused before anything opens it', async () => {
    const dir = await folder();
    const { coverage } = await copied();
    const manifest = await parseManifest(writeManifest({ disk: 'sda', coverage, discarded: [], applied: [] }));
    const [raw, qcow2, backed] = ['a.raw', 'a.qcow2', 'b.qcow2'].map((name) => join(dir, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(raw, content);
    await runChild('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, qcow2]);
    expect(await checkFile({ manifest, path: raw, format: 'raw' }, never)).toMatchObject({ differences: [] });
    const proved = await checkFile({ manifest, path: qcow2, format: 'qcow2' }, never);
    expect(proved).toMatchObject({ differences: [], bytesProved: sizeBytes });
    await runChild('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', qcow2, backed]);
    await expect(checkFile({ manifest, path: backed, format: 'qcow2' }, never)).rejects.toMatchObject({
      code: expect.stringMatching(/^image\./),
    });
    await expect(checkFile({ manifest, path: qcow2, format: 'raw' }, never)).rejects.toMatchObject({
      code: 'image.format_mismatch',
    });
    await expect(checkFile({ manifest, path: join(dir, 'none'), format: 'raw' }, never)).rejects.toMatchObject({
      code: 'transfer.disk_unreadable',
    });
    flip(content, 70 * MiB);
    await writeFile(raw, content);
    flip(content, 70 * MiB);
    const { differences } = await checkFile({ manifest, path: raw, format: 'raw' }, never);
    expect(differences).toMatchObject([{ offset: chunkBytes, length: chunkBytes }]);
  });
});

describe('reading manifests', () => {
  it('takes several disks one after the other, each once', async () => {
    const { coverage } = await copied();
    const section = (disk: string): string[] => [...writeManifest({ disk, coverage, discarded: [], applied: [] })];
    const both = await parseManifests([...section('a'), ...section('b'), '']);
    expect(both.map(({ disk }) => disk)).toEqual(['a', 'b']);
    await expect(parseManifests([...section('a'), ...section('a')])).rejects.toMatchObject(refused);
    await expect(parseManifest([...section('a'), ...section('b')])).rejects.toMatchObject(refused);
    await expect(parseManifests([...section('a'), ...section('b').slice(0, 2)])).rejects.toMatchObject(refused);
  });

  it('refuses what is cut off, foreign, changed in form, beyond its disk or too large', async () => {
    const { coverage } = await copied(true);
    const lines = [...writeManifest({ disk: 'sda', coverage, discarded, applied: [] })];
    for (let length = 0; length < lines.length; length += 1) {
      await expect(parseManifest(lines.slice(0, length))).rejects.toMatchObject(refused);
    }
    await expect(parseManifest([...lines.slice(0, 1), ...lines.slice(2)])).rejects.toMatchObject(refused);
    await expect(parseManifest([...lines, lines[1] ?? ''])).rejects.toMatchObject(refused);
    const hex = '0'.repeat(64);
    for (const bad of [
      `{"chunk":99,"digest":"${hex}"}`,
      `{"chunk":0,"digest":"${hex}","source":"x"}`,
      '{"zeros":1,"count":99}',
      '{"leaf":99,"digest":"x"}',
      `{"applied":[0,${2 ** 40}]}`,
      '{',
      '7',
    ]) {
      await expect(parseManifest([lines[0] ?? '', bad, '{"end":true,"lines":2}'])).rejects.toMatchObject(refused);
    }
    const huge = (disk: string): string[] => [
      (lines[0] ?? '').replace('"sda"', `"${disk}"`).replace(String(sizeBytes), String(2 ** 50)),
      '{"end":true,"lines":1}',
    ];
    await expect(parseManifests([...huge('a'), ...huge('b')])).rejects.toMatchObject(refused);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string()), async (any) => {
        await expect(parseManifest(any)).rejects.toMatchObject(refused);
      }),
    );
  });

  it('a disk of 16 TiB of zeros is three lines', () => {
    const coverage = createCoverage(16 * 2 ** 40);
    for (const _ of coverage.markZeros(0, 2 ** 22)) continue;
    expect([...writeManifest({ disk: 'big', coverage, discarded: [], applied: [] })]).toHaveLength(3);
  });
});
