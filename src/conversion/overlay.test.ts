import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Child, runChild, startChild } from '../process/child.ts';
import type { Extent } from '../transfer/disk.ts';
import { createOverlay, overlayAlone, overlayClusters, parseMapLine } from './overlay.ts';

const mib = 1024 * 1024;
const sizeBytes = 64 * mib;
const signal = new AbortController().signal;
let directory: string;
let server: Child;
let backing: { socketPath: string; exportName: string };

beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), "wherry overlay, 'x'-"));
  backing = { socketPath: path.join(directory, 'n b,d.sock'), exportName: 'disk 1, "ä"' };
  // The pattern plugin's content is nowhere zero beyond its first eight bytes, and read only.
  server = await startChild('nbdkit', ['-f', '-r', '-U', backing.socketPath, 'pattern', `size=${sizeBytes}`]);
  for (let tries = 0; tries < 100; tries++) {
    const ready = await runChild('test', ['-S', backing.socketPath]).then(
      () => true,
      () => false,
    );
    if (ready) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

async function overlay(name: string, ...commands: string[]): Promise<string> {
  const file = path.join(directory, name);
  await createOverlay({ path: file, backing, sizeBytes }, signal);
  const flags = commands.flatMap((command) => ['-c', command]);
  if (commands.length > 0) await runChild('qemu-io', ['-f', 'qcow2', '-d', 'unmap', ...flags, file]);
  return file;
}

async function clusters(file: string): Promise<Extent[]> {
  const found: Extent[] = [];
  for await (const extent of overlayClusters(file, signal)) found.push(extent);
  return found;
}

describe('an overlay', () => {
  it('shows what is behind it and holds nothing itself when it is new', async () => {
    const file = await overlay('new.qcow2');
    expect(await clusters(file)).toEqual([]);
    // The pattern is each offset as a big-endian number: 0x100000 at 1 MiB.
    const shown = await runChild('qemu-io', ['-r', '-f', 'qcow2', '-c', 'read -v 1M 16', file]);
    expect(shown).toContain('00 00 00 00 00 10 00 00 00 00 00 00 00 10 00 08');
  });

  it('lists exactly the clusters that were written as data and those that were trimmed or zeroed as zero', async () => {
    const file = await overlay(
      'changed.qcow2',
      'write -P 7 1M 64k',
      'write -P 8 1088k 64k',
      'discard 2M 128k',
      'write -z 3M 64k',
      'write -P 9 5M 512',
      'discard -q 7000k 10k',
      'write -zu 8M 1M',
      'write -P 0 63M 1M',
    );
    expect(await clusters(file)).toEqual([
      { offset: 1 * mib, length: 128 * 1024, kind: 'data' },
      { offset: 2 * mib, length: 128 * 1024, kind: 'zero' },
      { offset: 3 * mib, length: 64 * 1024, kind: 'zero' },
      { offset: 5 * mib, length: 64 * 1024, kind: 'data' },
      { offset: 8 * mib, length: 1 * mib, kind: 'zero' },
      { offset: 63 * mib, length: 1 * mib, kind: 'data' },
    ]);
  });

  it('keeps the rest of a cluster that was written in part, readable without what is behind', async () => {
    const file = await overlay('part.qcow2', 'write -P 9 5M 512');
    const alone = await runChild('qemu-io', [
      '-r',
      '-c',
      'read -P 9 5M 512',
      '-c',
      'read -v 5243392 16',
      overlayAlone(file),
    ]);
    expect(alone).toContain('00 00 00 00 00 50 02 00 00 00 00 00 00 50 02 08');
    expect(alone).not.toContain('Pattern verification failed');
    const control = await runChild('qemu-io', ['-r', '-c', 'read -P 8 5M 512', overlayAlone(file)]).catch(String);
    expect(control).toContain('ended with code 1');
  });

  it('may be left in the middle of its list', async () => {
    const file = await overlay('left.qcow2', 'write -P 7 1M 64k', 'write -P 7 3M 64k');
    for await (const extent of overlayClusters(file, signal)) {
      expect(extent.offset).toBe(1 * mib);
      break;
    }
  });

  it('is listed without holding thousands of its clusters at once, in order and without loss', async () => {
    // Every second cluster: 512 extents; in two passes so that the command line stays short.
    const commands = Array.from({ length: 512 }, (_, index) => `write -P 5 ${index * 128}k 64k`);
    const file = await overlay('many.qcow2', ...commands);
    const found = await clusters(file);
    expect(found.map((extent) => extent.offset)).toEqual(commands.map((_, index) => index * 128 * 1024));
    expect(found.every((extent) => extent.length === 64 * 1024 && extent.kind === 'data')).toBe(true);
  });

  it('cannot be made over an export that is not there, and says so', async () => {
    const request = {
      path: path.join(directory, 'none.qcow2'),
      backing: { ...backing, socketPath: '/nonexistent' },
      sizeBytes,
    };
    await expect(createOverlay(request, signal)).rejects.toMatchObject({ code: 'conversion.overlay' });
  });

  it('that is not there or no qcow2 is an error, never an empty list', async () => {
    await expect(clusters(path.join(directory, 'missing.qcow2'))).rejects.toMatchObject({ code: 'conversion.overlay' });
    await expect(clusters('/bin/busybox')).rejects.toMatchObject({ code: 'conversion.overlay' });
  });

  it('is not listed once the call is canceled', async () => {
    const file = await overlay('canceled.qcow2', 'write -P 7 1M 64k');
    const controller = new AbortController();
    controller.abort(new Error('enough'));
    await expect(overlayClusters(file, controller.signal).next()).rejects.toThrow('enough');
  });
});

describe('a line of qemu-img map', () => {
  it('is taken whatever stands around it', () => {
    fc.assert(
      fc.property(
        fc.record({
          start: fc.nat(),
          length: fc.nat(),
          zero: fc.boolean(),
          open: fc.constantFrom('', '['),
          end: fc.constantFrom(',', ']', ''),
        }),
        ({ start, length, zero, open, end }) => {
          const line = `${open}{ "start": ${start}, "length": ${length}, "depth": 0, "present": true, "zero": ${zero}, "data": ${!zero}}${end}`;
          expect(parseMapLine(line)).toEqual({ offset: start, length, kind: zero ? 'zero' : 'data' });
        },
      ),
    );
  });

  it.each(['[', ']', '', '[]'])('means nothing when it is only %j', (line) => {
    expect(parseMapLine(line)).toBeNull();
  });

  it('is refused when it does not say whether the cluster is present, or has absurd numbers', () => {
    expect(() => parseMapLine('{ "start": 0, "length": 1, "depth": 0, "zero": true, "data": false}')).toThrow('6.1');
    expect(() => parseMapLine('{ "start": 1e99, "length": 1, "depth": 0, "present": true, "zero": true}')).toThrow(
      'extent',
    );
    expect(() => parseMapLine('{ "start": "0", "length": 1, "depth": 0, "present": true, "zero": true}')).toThrow(
      'extent',
    );
  });
});
