/**
 * Builds the two vcsims, once: into .cache/, under the hash of what they are made of. 0.24.2 needs Debian's package
 * golang-github-vmware-govmomi-dev and any Go; 0.55.0 needs Go 1.25 and the Go module proxy (or a filled module cache).
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChild } from '../../../src/process/child.ts';

export type VcsimVersion = '0.24.2' | '0.55.0';

const here = fileURLToPath(new URL('.', import.meta.url));
const cache = fileURLToPath(new URL('../../../.cache/', import.meta.url));
const gopath = '/usr/share/gocode';
const sources: Record<VcsimVersion, string> = { '0.24.2': 'v0.24', '0.55.0': 'v0.55' };
const buildMs = 600_000;

/** Why this vcsim cannot be had here, or null. What is built already needs nothing. Tests skip by this name. */
export async function whyNoVcsim(version: VcsimVersion): Promise<string | null> {
  if (existsSync(await programOf(version))) return null;
  const go = await goVersion();
  if (go === null) return 'vcsim is built with Go, which is not installed';
  if (version === '0.24.2') {
    const library = join(gopath, 'src/github.com/vmware/govmomi/simulator');
    return existsSync(library) ? null : 'golang-github-vmware-govmomi-dev is not installed';
  }
  const [major = 0, minor = 0] = go;
  if (major < 1 || (major === 1 && minor < 25)) return `govmomi 0.55.0 needs Go 1.25, here is ${major}.${minor}`;
  return modulesAreThere();
}

/** The program's path; builds it first where that was not done yet. */
export async function buildVcsim(version: VcsimVersion): Promise<string> {
  const program = await programOf(version);
  if (existsSync(program)) return program;
  await mkdir(cache, { recursive: true });
  const dir = await mkdtemp(join(cache, 'vcsim-build-'));
  try {
    await cp(join(here, 'main.go'), join(dir, 'main.go'));
    await cp(join(here, sources[version]), dir, { recursive: true });
    const env: Record<string, string> =
      version === '0.24.2'
        ? { GO111MODULE: 'off', GOPATH: gopath, GOFLAGS: '' }
        : { GO111MODULE: 'on', GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly' };
    await runChild(goProgram(), ['build', '-o', 'vcsim', '.'], {
      cwd: dir,
      env,
      timeoutMs: buildMs,
    });
    // In one move: of several that build at once the last wins, and nobody starts half a program.
    await rename(join(dir, 'vcsim'), program);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  return program;
}

async function programOf(version: VcsimVersion): Promise<string> {
  const hash = createHash('sha256').update(version).update(process.arch);
  const dir = join(here, sources[version]);
  for (const file of [join(here, 'main.go'), ...(await readdir(dir)).sort().map((name) => join(dir, name))]) {
    hash.update(await readFile(file));
  }
  return join(cache, `vcsim-${version}-${hash.digest('hex').slice(0, 16)}`);
}

/** Where Go is usually put, when it is not on the path. */
function goProgram(): string {
  const directories = [...(process.env['PATH'] ?? '').split(':'), '/usr/local/go/bin', '/usr/lib/go/bin'];
  return directories.map((directory) => join(directory, 'go')).find((path) => existsSync(path)) ?? 'go';
}

async function goVersion(): Promise<readonly number[] | null> {
  const said = await runChild(goProgram(), ['version'], { timeoutMs: 30_000 }).catch(() => '');
  const found = /go(\d+)\.(\d+)/.exec(said);
  return found === null ? null : found.slice(1).map(Number);
}

async function modulesAreThere(): Promise<string | null> {
  return runChild(goProgram(), ['mod', 'download'], {
    cwd: join(here, sources['0.55.0']),
    env: { GO111MODULE: 'on', GOTOOLCHAIN: 'local' },
    timeoutMs: 120_000,
  }).then(
    () => null,
    (error: unknown) => `govmomi 0.55.0 cannot be fetched: ${String(error).slice(0, 200)}`,
  );
}
