/** Images, and packages made of them, for the tests of the OVA source. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { type BuildOptions, buildOva } from '../../../test/fixtures/ova/build.ts';
import { rawTools } from '../../../test/fixtures/ova/raw-tools.ts';
import type { Vm } from '../../model/vm.ts';
import { createImageTools } from '../../transfer/images.ts';
import type { Source } from '../provider.ts';
import { createOvaSource } from './source.ts';

export const signal = AbortSignal.timeout(120_000);
const tools = createImageTools();
export const mib = 2 ** 20;
export let directory: string;
let count = 0;
/** Where the images are, each test's own directory, and what is in the images. */
export let images: string;
export let work: string;
export let content: Buffer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-ova-'));
  images = join(directory, 'images');
  await mkdir(images);
  content = Buffer.concat([randomBytes(mib), Buffer.alloc(2 * mib), randomBytes(mib)]);
  await writeFile(join(images, 'disk.raw'), content);
  for (const [format, ...options] of [
    ['vmdk', '-o', 'subformat=streamOptimized'],
    ['qcow2'],
    ['vpc', '-o', 'force_size=on'],
    ['vhdx'],
  ] as const) {
    execFileSync('qemu-img', [
      'convert',
      '-f',
      'raw',
      '-O',
      format,
      ...options,
      join(images, 'disk.raw'),
      join(images, `disk.${format}`),
    ]);
  }
});
beforeEach(async () => {
  count += 1;
  work = join(directory, `work-${count}`);
  await mkdir(work);
});
afterAll(() => rm(directory, { recursive: true }));

export async function build(options: Partial<BuildOptions> = {}): Promise<string> {
  const path = options.path ?? join(work, options.layout === 'directory' ? 'vm' : 'vm.ova');
  await buildOva({
    vmName: 'shop',
    disks: [{ file: join(images, 'disk.vmdk'), capacityBytes: 4 * mib }],
    ...options,
    path,
  });
  return path;
}

export const openSource = (path: string): Promise<Source & AsyncDisposable> =>
  createOvaSource({ type: 'ova', path }, tools, signal);
export const openRaw = (path: string): Promise<Source & AsyncDisposable> =>
  createOvaSource({ type: 'ova', path }, rawTools, signal);
export const describeAt = async (path: string): Promise<Vm> => (await openSource(path)).describe(null, signal);

export async function readDisk(source: Source, vm: Vm, diskId: string): Promise<Buffer> {
  const disk = await source.openDisk(vm, diskId, work, signal);
  try {
    const parts: Buffer[] = [];
    for (let at = 0; at < disk.sizeBytes; at += mib)
      parts.push(await disk.read(at, Math.min(mib, disk.sizeBytes - at), signal));
    return Buffer.concat(parts);
  } finally {
    await disk.close();
  }
}
