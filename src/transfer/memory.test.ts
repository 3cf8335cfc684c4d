import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** Large memory, written past the page cache from its first page on and from one byte beside it; what of it is in huge pages. */
const program = `
import { constants, openSync, readFileSync, writeSync } from 'node:fs';
import { isPageAligned, sharedMemory } from ${JSON.stringify(new URL('./memory.ts', import.meta.url).href)};
const memory = sharedMemory(48 * 1024 * 1024);
const empty = memory.every((byte) => byte === 0);
memory.fill(7);
const file = openSync(process.argv[1], constants.O_RDWR | constants.O_CREAT | constants.O_DIRECT);
const page = memory.subarray(8 * 4096, 9 * 4096);
const beside = memory.subarray(8 * 4096 + 1, 9 * 4096 + 1);
const tried = (buffer) => {
  try { return writeSync(file, buffer, 0, 4096, 0); } catch (error) { return error.code; }
};
const huge = [...readFileSync('/proc/self/smaps', 'utf8').matchAll(/^AnonHugePages: +(\\d+) kB/gm)];
console.log(JSON.stringify({
  empty,
  bytes: memory.length,
  said: [isPageAligned(page), isPageAligned(beside)],
  went: [tried(page), tried(beside)],
  hugeKiB: huge.reduce((sum, [, kib]) => sum + Number(kib), 0),
}));
`;

const tmpfs = 0x0102_1994;
const hugePages = '/sys/kernel/mm/transparent_hugepage/enabled';

test('large memory is aligned, and in huge pages where the kernel has them, when the process was started for that', () => {
  const directory = mkdtempSync(join(tmpdir(), 'wherry-memory-'));
  const run = (env: Record<string, string>): { hugeKiB: number } => {
    const words = ['--input-type=module', '--eval', program, join(directory, 'file')];
    const told = execFileSync(process.execPath, words, { env: { ...process.env, ...env }, encoding: 'utf8' });
    return JSON.parse(told) as { hugeKiB: number };
  };
  const right = {
    empty: true,
    bytes: 48 * 1024 * 1024,
    said: [true, false],
    // A file system in memory takes whatever it is given.
    went: [4096, statfsSync(directory).type === tmpfs ? 4096 : 'EINVAL'],
    hugeKiB: expect.any(Number),
  };
  try {
    expect(run({ GLIBC_TUNABLES: '' })).toEqual(right);
    const huge = run({ GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' });
    expect(huge).toEqual(right);
    const enabled = existsSync(hugePages) && !readFileSync(hugePages, 'utf8').includes('[never]');
    expect(huge.hugeKiB > 24 * 1024).toBe(enabled);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}, 30_000);
