import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WherryError } from '../../src/model/errors.ts';
import { parseManifest } from '../../src/providers/ova/manifest.ts';
import { parseOvf } from '../../src/providers/ova/ovf.ts';
import { createOvaSource } from '../../src/providers/ova/source.ts';
import { parsePaxRecords, parseTarBlock } from '../../src/providers/ova/tar-header.ts';
import { buildOva } from '../fixtures/ova/build.ts';
import { type OvfStyle, ovfText } from '../fixtures/ova/ovf-text.ts';
import { rawTools } from '../fixtures/ova/raw-tools.ts';
import type { HeaderStyle } from '../fixtures/ova/tar-writer.ts';

/** Whatever is done to a package: it is read, or refused by an error that a person can read; within bounded time. */
const signal = AbortSignal.timeout(120_000);
const seeds: Buffer[] = [];
let directory: string;
let outcomes: Map<string, number>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-fuzz-'));
  const disk = join(directory, 'disk.raw');
  await writeFile(disk, Buffer.alloc(3000, 'data'));
  for (const headers of ['ustar', 'pax', 'gnu', 'base256'] satisfies HeaderStyle[]) {
    const path = join(directory, 'seed.ova');
    await buildOva({ path, vmName: 'fuzz', disks: [{ file: disk, format: 'raw' }], headers });
    seeds.push(await readFile(path));
  }
});
afterAll(() => rm(directory, { recursive: true }));

async function outcomeOf(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
    return 'read';
  } catch (error) {
    if (error instanceof WherryError && error.code !== 'internal') return error.code;
    throw error;
  }
}

type Change = { readonly at: number; readonly kind: number; readonly bytes: Uint8Array };
const change = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  kind: fc.nat(4),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 16 }),
});

function mutate(data: Buffer, { at, kind, bytes }: Change): Buffer {
  const where = Math.floor(at * data.length);
  const before = data.subarray(0, where);
  const after = data.subarray(where);
  if (kind === 0) return before; // cut off
  if (kind === 1) return Buffer.concat([before, after.subarray(bytes.length * 64)]); // a piece lost
  if (kind === 2) return Buffer.concat([before, bytes, after]); // a piece more
  if (kind === 3) return Buffer.concat([before, bytes, after.subarray(bytes.length)]); // overwritten
  return Buffer.concat([before, data.subarray(Math.max(0, where - 512), where), after]); // a block twice
}

/** Recomputes the checksums, so that a change is not just thrown out by them. */
function mend(data: Buffer): Buffer {
  for (let at = 0; at + 512 <= data.length; at += 512) {
    const block = data.subarray(at, at + 512);
    if (block.toString('latin1', 257, 262) !== 'ustar') continue;
    block.fill(0x20, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
  }
  return data;
}

test('reads or refuses every mutated archive', async () => {
  outcomes = new Map();
  const path = join(directory, 'mutated.ova');
  await fc.assert(
    fc.asyncProperty(
      fc.nat(3),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      async (seed, changes, mended) => {
        let data: Buffer = Buffer.from(seeds[seed] ?? '');
        for (const each of changes) data = mutate(data, each);
        await writeFile(path, mended ? mend(data) : data);
        const outcome = await outcomeOf(async () => {
          const source = await createOvaSource({ type: 'ova', path }, rawTools, signal);
          const vm = await source.describe(null, signal);
          await source.identity(vm, signal);
          await source.verifyManifest?.(vm, () => undefined, signal);
        });
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      },
    ),
    { numRuns: 400 },
  );
  // The control: it went to different depths. How many is chance; fewer than these three kinds was never seen.
  expect(outcomes.size).toBeGreaterThanOrEqual(3);
});

test('reads or refuses every mutated OVF', () => {
  const kinds = new Set<string>();
  const vm = {
    vmName: 'fuzz',
    description: 'text',
    disks: [{ href: 'a.vmdk', fileBytes: 1, capacityBytes: 2 ** 30, format: 'vmdk' as const, gzip: false }],
    nics: [{ mac: '00:50:56:00:00:01', network: 'n', model: 'E1000' }],
    memoryMiB: 1,
    cpus: 1,
    coresPerSocket: 1,
    firmware: 'efi' as const,
  };
  const styles: OvfStyle[] = ['vmware', 'virtualbox', 'ovirt', 'xen'];
  const texts = styles.map((style) => ovfText(style, vm));
  const words = [
    '&x;',
    '<!DOCTYPE a>',
    '<![CDATA[',
    ']]>',
    '<Item>',
    '</Item>',
    'ovf:',
    '-1',
    '1e400',
    '\0',
    '"',
    '../',
    '𝒳',
    '99999999999999999999',
  ];
  const word = fc.oneof(fc.constantFrom(...words), fc.string({ unit: 'binary', maxLength: 8 }));
  const edits = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), word, fc.nat(12)), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(fc.nat(3), edits, (style, list) => {
      let text = texts[style] ?? '';
      for (const [at, insert, drop] of list) {
        const where = Math.floor(at * text.length);
        text = text.slice(0, where) + insert + text.slice(where + drop);
      }
      try {
        parseOvf(Buffer.from(text), { path: '/x.ova', member: 'x.ovf' });
        kinds.add('read');
      } catch (error) {
        if (!(error instanceof WherryError) || error.code === 'internal') throw error;
        kinds.add(error.code);
      }
    }),
    { numRuns: 1500 },
  );
  expect(kinds.size).toBeGreaterThan(1);
});

test('never fails on any bytes that stand for a tar header, pax records or a manifest', () => {
  const kinds = new Set<string>();
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 512, maxLength: 512 }), fc.string({ unit: 'binary' }), (bytes, text) => {
      kinds.add(parseTarBlock(Buffer.from(bytes)).kind);
      kinds.add(parsePaxRecords(Buffer.from(bytes)) === null ? 'no records' : 'records');
      kinds.add(parsePaxRecords(Buffer.from(text)) === null ? 'no records' : 'records');
      try {
        parseManifest(text, (line) => {
          throw new WherryError('ova.bad_manifest', { line });
        });
      } catch (error) {
        if (!(error instanceof WherryError)) throw error;
        kinds.add(error.code);
      }
    }),
    { numRuns: 2000 },
  );
  expect([...kinds]).toEqual(expect.arrayContaining(['bad', 'no records', 'ova.bad_manifest']));
});
