import { open, rename, utimes } from 'node:fs/promises';
import { expect, test, vi } from 'vitest';
import { runChild } from '../../src/process/child.ts';
import type { Providers } from '../../src/providers/provider.ts';
import { createProviders } from '../../src/wiring.ts';
import { type Copy, expectedDigest, MiB, newCopy, newRun, partialOf, type Run, targetDigest } from './ground.ts';

// Hundreds of MiB are copied, read back and compared: a busy machine takes its time.
vi.setConfig({ testTimeout: 300_000 });

const half = (at: number): boolean => at % 32 < 16;

async function prepared(run: Run): Promise<Run> {
  for (const step of ['preflight', 'create-disks'] as const) await run.step(step);
  return run;
}

async function flip(path: string, format: 'raw' | 'qcow2', offset: number): Promise<void> {
  await runChild('qemu-io', ['-f', format, '-c', `write -P 0x5a ${offset} 8`, path]);
}

test.each(['raw', 'qcow2'] as const)(
  'a %s target that differs is told with offset and both digests, copied again once, and is right then',
  async (format) => {
    await using copy = await newCopy(160, half);
    const run = await prepared(newRun(copy, { format, options: { conversion: 'never' } }));
    await run.step('copy');
    run.results['copy'] = { bytesMoved: 0 }; // what was read back meanwhile is not taken for granted here
    await flip(await partialOf(copy, format), format, 70 * MiB + 5);
    expect(await targetDigest(copy, format)).not.toBe(await expectedDigest(copy));
    await run.step('verify');
    expect(await targetDigest(copy, format)).toBe(await expectedDigest(copy));
    const told = run.log.filter((line) => line.includes('its chunk is copied once more'));
    expect(told).toEqual([
      expect.stringMatching(
        new RegExp(
          `^warning: disk source.raw: \\d+ bytes at offset ${68 * MiB} .*SHA-256 [0-9a-f]{64}, .* [0-9a-f]{64}:`,
        ),
      ),
    ]);
    await run.step('verify');
    expect(run.log.filter((line) => line.includes('copied once more'))).toHaveLength(1);
  },
);

test.each(['raw', 'qcow2'] as const)(
  'what was read back of a %s target while it was written is not read again, and the rest is',
  async (format) => {
    await using copy = await newCopy(160, half);
    const run = await prepared(newRun(copy, { format, options: { conversion: 'never' } }));
    const copied = (await run.step('copy')) as { proved: Record<string, [number, number][]> };
    const [[diskId, proved] = ['', []]] = Object.entries(copied.proved);
    expect(proved).toEqual([[0, 3]]);
    expect(await run.step('verify')).toEqual({ bytesRead: 0 });
    const left: [number, number][] = [
      [0, 1],
      [2, 1],
    ];
    run.results['copy'] = { ...copied, proved: { [diskId]: left } };
    expect(await run.step('verify')).toEqual({ bytesRead: 32 * MiB });
    expect(run.log.filter((line) => line.startsWith('warning'))).toEqual([]);
    expect(await targetDigest(copy, format)).toBe(await expectedDigest(copy));
  },
);

test('a target that stays wrong ends with disk, offset and both digests, after one more copy', async () => {
  await using copy = await newCopy(128, half);
  const real = createProviders();
  let writes = 0;
  const lying: Providers = {
    ...real,
    openTarget: async (spec, signal) => {
      const target = await real.openTarget(spec, signal);
      if (target.access === 'stream') throw new Error('it is written anywhere');
      return {
        ...target,
        openDisk: async (disk, options, inner) => {
          const opened = await target.openDisk(disk, options, inner);
          return {
            ...opened,
            write: async (offset, data, each) => {
              const wrong = offset <= 65 * MiB && offset + data.length > 65 * MiB;
              if (wrong) writes += 1;
              const changed = wrong ? Buffer.from(data) : data;
              if (wrong) changed[65 * MiB - offset] = (changed[65 * MiB - offset] ?? 0) ^ 1;
              await opened.write(offset, changed, each);
            },
          };
        },
      };
    },
  };
  const run = await prepared(newRun(copy, { providers: lying, options: { conversion: 'never' } }));
  await run.step('copy');
  await expect(run.step('verify')).rejects.toMatchObject({
    code: 'transfer.verify_mismatch',
    params: {
      disk: 'source.raw',
      offset: 64 * MiB,
      length: 4 * MiB,
      expected: expect.stringMatching(/^[0-9a-f]{64}$/),
      found: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  });
  expect(writes).toBe(2); // by the copy, and once more
});

test('a chunk that was proved by no run is read back, also when the copy was resumed after it', async () => {
  await using copy = await newCopy(320, () => true);
  const stopping = new AbortController();
  const first = await prepared(newRun(copy, { signal: stopping.signal, options: { conversion: 'never' } }));
  first.at = (point) => {
    if (point === 'copy.journaled' && copy.chunks.length > 0) stopping.abort(new Error('killed'));
  };
  await expect(first.step('copy')).rejects.toThrow('killed');
  expect(copy.chunks.length).toBeGreaterThan(0);
  const chunk = copy.chunks[0]?.chunk ?? 0;
  await flip(await partialOf(copy), 'raw', chunk * 64 * MiB + 9);

  const second = newRun(copy, { options: { conversion: 'never' } });
  Object.assign(second.results, first.results);
  const { bytesMoved, proved } = (await second.step('copy')) as {
    bytesMoved: number;
    proved: Record<string, [number, number][]>;
  };
  expect(bytesMoved).toBeLessThan(320 * MiB);
  const followed = Object.values(proved).flat();
  expect(followed.length).toBeGreaterThan(0);
  expect(followed.some(([from, count]) => chunk >= from && chunk < from + count)).toBe(false);
  await second.step('verify');
  expect(second.log.join()).toContain('its chunk is copied once more');
  expect(await targetDigest(copy)).toBe(await expectedDigest(copy));
});

/** As somebody changes the source in place; with a size, it is another one afterwards. */
async function change(copy: Copy, sizeBytes?: number): Promise<void> {
  const times = new Date(Date.now() + 5_000);
  const file = await open(copy.source, 'r+');
  await file.write(Buffer.from('changed'), 0, 7, 3 * MiB);
  if (sizeBytes !== undefined) await file.truncate(sizeBytes);
  await file.close();
  await utimes(copy.source, times, times);
}

test('once it is copied, whoever opens the source finds out that it is another one', async () => {
  await using copy = await newCopy(64, half);
  const run = await prepared(newRun(copy));
  await run.step('copy');
  await change(copy);
  const changed = { code: 'transfer.source_changed', params: { disk: 'source.raw', vm: 'web' } };
  await expect(run.step('convert')).rejects.toMatchObject(changed);
  run.results['copy'] = { ...(run.results['copy'] as object), proved: {} };
  await flip(await partialOf(copy), 'raw', 3 * MiB);
  await expect(run.step('verify')).rejects.toMatchObject(changed);
});

test('a source that changed between two attempts is copied from the beginning, and a conversion of the old one is void', async () => {
  await using copy = await newCopy(320, half);
  const run = await prepared(newRun(copy));
  await run.convert('write -P 0x11 1M 2M', 'discard 64M 128M');
  run.at = (point) => {
    if (point === 'copy.journaled') throw new Error('killed');
  };
  await expect(run.step('copy')).rejects.toThrow('killed');
  await change(copy);
  run.at = () => undefined;
  expect(await run.step('copy')).toMatchObject({ bytesMoved: 160 * MiB });
  expect(run.log.join('\n')).toMatch(/source\.raw: the source changed since preflight.*it was .*, now it is /);
  expect(run.log.join('\n')).toMatch(/source\.raw: copied from the beginning/);
  await run.step('verify');
  expect(await targetDigest(copy)).toBe(await expectedDigest(copy));
  run.at = (point) => {
    if (point === 'convert.overlay.intent') throw new Error('it converts anew');
  };
  await expect(run.step('apply')).rejects.toThrow('it converts anew');
  await run.convert('write -P 0x21 8M 1M');
  run.at = () => undefined;
  await run.step('apply');
  expect(await targetDigest(copy)).toBe(await expectedDigest(copy, 'write -P 0x21 8M 1M'));
});

test('a source whose size changed between two attempts ends the migration, and a retry copies what it is now', async () => {
  await using copy = await newCopy(96, half);
  const run = await prepared(newRun(copy));
  await change(copy, 80 * MiB);
  await expect(run.step('copy')).rejects.toMatchObject({
    code: 'transfer.source_differs',
    params: { vm: 'web', what: `disk source.raw had ${96 * MiB} bytes and has ${80 * MiB} now` },
  });
  run.checkpoints.set('undo', { keep: true });
  await run.step('undo');
  const again = await prepared(newRun(copy));
  await again.step('copy');
  await again.step('verify');
  expect(await targetDigest(copy)).toBe(await expectedDigest(copy));
});

test('in a retry, a source that changed is copied and converted anew', async () => {
  await using copy = await newCopy(96, half);
  const run = await prepared(newRun(copy));
  await run.step('copy');
  await run.convert('write -P 0x11 1M 2M');
  run.checkpoints.set('undo', { keep: true });
  await run.step('undo');
  await change(copy);
  const again = await prepared(newRun(copy));
  expect(await again.step('copy')).toMatchObject({ bytesMoved: 48 * MiB });
  expect(again.log.join('\n')).toMatch(/copied from the beginning/);
  again.at = (point) => {
    if (point === 'convert.overlay.intent') throw new Error('it converts anew');
  };
  await expect(again.step('convert')).rejects.toThrow('it converts anew');
});

test('a source that changes while it is copied is found out at the copy’s end', async () => {
  await using copy = await newCopy(128, () => true);
  const run = await prepared(newRun(copy));
  run.at = async (point) => {
    if (point !== 'copy.journaled') return;
    const file = await open(copy.source, 'r+');
    await file.write(Buffer.from('changed'), 0, 7, 0);
    await file.close();
  };
  await expect(run.step('copy')).rejects.toMatchObject({ code: 'transfer.source_changed' });
});

test('a source that goes away between two steps is a failure that passes; back again, it is copied', async () => {
  await using copy = await newCopy(32, half);
  const run = await prepared(newRun(copy, { options: { conversion: 'never' } }));
  await rename(copy.source, `${copy.source}.away`);
  await expect(run.step('copy')).rejects.toMatchObject({ code: 'source.gone', passing: true });
  await rename(`${copy.source}.away`, copy.source);
  await run.step('copy');
  expect(await targetDigest(copy, 'raw')).toBe(await expectedDigest(copy));

  // Control: what is not there from the beginning is told at once.
  await using other = await newCopy(32, half);
  await rename(other.source, `${other.source}.away`);
  const first = newRun(other, { options: { conversion: 'never' } });
  await expect(first.step('preflight')).rejects.toMatchObject({ code: 'source.not_found', passing: false });
});
