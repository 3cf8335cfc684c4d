/**
 * The Linux kernel that the test guests boot: the one that is installed on this machine for libguestfs' appliance anyway.
 * Its modules are found through `modules.dep`, decompressed, and put into the order in which they must be loaded.
 */
import { readdir, readFile } from 'node:fs/promises';
import { zstdDecompressSync } from 'node:zlib';
import { execFileSync } from 'node:child_process';
import path from 'node:path';

export type Kernel = {
  readonly version: string;
  readonly image: Buffer;
  /** Lines of `modules.dep`: a module's path below /lib/modules/VERSION → what must be loaded before it. */
  readonly dependencies: ReadonlyMap<string, readonly string[]>;
};

export type KernelModule = { readonly name: string; readonly path: string; readonly content: Buffer };

/** The newest installed kernel that has modules, cloud kernels first (they are small). @throws when there is none. */
export async function findKernel(): Promise<Kernel> {
  const versions = (await readdir('/lib/modules').catch(() => []))
    .filter((version) => version.endsWith('amd64') || version.endsWith('-generic') || version.endsWith('-virtual'))
    .sort(
      (a, b) =>
        Number(b.includes('cloud')) - Number(a.includes('cloud')) || b.localeCompare(a, 'en', { numeric: true }),
    );
  for (const version of versions) {
    const image = await readImage(version);
    const dependencies = await readFile(`/lib/modules/${version}/modules.dep`, 'utf8').catch(() => undefined);
    if (image !== undefined && dependencies !== undefined) {
      return { version, image, dependencies: parseDependencies(dependencies) };
    }
  }
  throw new Error(
    'no kernel with modules is installed: install linux-image-cloud-amd64 (Debian) or linux-image-virtual',
  );
}

/** The modules by these names with all they need, in loading order. Built-in and unknown ones are left out. */
export async function loadModules(kernel: Kernel, names: readonly string[]): Promise<KernelModule[]> {
  const order: string[] = [];
  const visit = (file: string): void => {
    if (order.includes(file)) return;
    // modules.dep lists the nearest dependency first, so the last one is loaded first.
    for (const needed of (kernel.dependencies.get(file) ?? []).toReversed()) visit(needed);
    if (!order.includes(file)) order.push(file);
  };
  for (const name of names) {
    for (const file of kernel.dependencies.keys()) if (moduleName(file) === name) visit(file);
  }
  const modules: KernelModule[] = [];
  for (const file of order) {
    const stored = await readFile(`/lib/modules/${kernel.version}/${file}`);
    modules.push({ name: moduleName(file), path: file.replace(/\.ko\..*$/, '.ko'), content: decompress(file, stored) });
  }
  return modules;
}

function moduleName(file: string): string {
  return path
    .basename(file)
    .replace(/\.ko(\..*)?$/, '')
    .replaceAll('-', '_');
}

function parseDependencies(text: string): Map<string, string[]> {
  const lines = text.split('\n').filter((line) => line.includes(':'));
  return new Map(
    lines.map((line) => {
      const [file = '', rest = ''] = line.split(':');
      return [file, rest.split(' ').filter((needed) => needed !== '')];
    }),
  );
}

function decompress(file: string, stored: Buffer): Buffer {
  if (file.endsWith('.zst')) return zstdDecompressSync(stored);
  if (file.endsWith('.xz')) return execFileSync('xz', ['-dc'], { input: stored, maxBuffer: 64 * 1024 * 1024 });
  return stored;
}

/** Ubuntu lets only root read /boot/vmlinuz-*; script/setup's sudo is asked then, without a prompt. */
async function readImage(version: string): Promise<Buffer | undefined> {
  for (const file of [`/boot/vmlinuz-${version}`, `/lib/modules/${version}/vmlinuz`]) {
    const image = await readFile(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EACCES') return undefined;
      try {
        return execFileSync('sudo', ['-n', 'cat', file], {
          maxBuffer: 256 * 1024 * 1024,
          stdio: ['ignore', 'pipe', 'ignore'],
        });
      } catch {
        return undefined;
      }
    });
    if (image !== undefined) return image;
  }
  return undefined;
}
