import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startStepChild } from './child-process.ts';

const quiet = { onMessage: () => undefined, onOutput: () => undefined };

test('a child that crashes leaves how it ended and its last words; one that is killed in silence leaves none', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'wherry-child-'));
  try {
    const crashing = startStepChild({ ...quiet, directory });
    crashing.send({ kind: 'step' } as never); // without a lease: what no server sends
    const { how, lastWords } = await crashing.ended;
    expect(how).toBe('ended with code 1');
    expect(lastWords).toMatch(/TypeError: .*undefined/);
    expect(lastWords.length).toBeLessThanOrEqual(2_000);

    const killed = startStepChild({ ...quiet, directory });
    await killed.kill();
    expect(await killed.ended).toEqual({ how: 'was killed by SIGKILL', lastWords: '' });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 30_000);

test('a child that is brought down leaves no image of its memory, which holds secrets; large buffers are in large pages', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'wherry-child-'));
  const started = Promise.withResolvers<void>();
  const child = startStepChild({ ...quiet, directory, onMessage: () => started.resolve() });
  try {
    await started.promise;
    const limits = await readFile(`/proc/${child.pid}/limits`, 'utf8');
    expect(limits).toMatch(/^Max core file size\s+0\s+0\s/m);
    const environment = await readFile(`/proc/${child.pid}/environ`, 'utf8');
    // What transfer/memory.ts looks for.
    expect(environment.split('\0')).toContain('GLIBC_TUNABLES=glibc.malloc.hugetlb=1');
  } finally {
    await child.kill();
    await rm(directory, { recursive: true, force: true });
  }
}, 30_000);
