import { mkdtempSync, rmSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runChild } from '../process/child.ts';
import { type ImportFlags, importRequest } from './import-request.ts';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'wherry-import-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const flags: ImportFlags = {
  to: 'libvirt',
  uri: 'qemu:///system',
  pool: 'default',
  network: [],
  format: 'qcow2',
  conversion: 'auto',
  verify: true,
};

test('an .ova, an .ovf and a directory are packages, anything else is a disk image', () => {
  expect(importRequest(['/a/x.ova'], flags).source).toEqual({ type: 'ova', path: '/a/x.ova' });
  expect(importRequest(['/a/x.OVF'], flags).source).toEqual({ type: 'ova', path: '/a/x.OVF' });
  expect(importRequest([directory], flags).source).toEqual({ type: 'ova', path: directory });
  expect(importRequest(['/a/x.vmdk', '/a/y.raw'], flags).source).toEqual({
    type: 'files',
    paths: ['/a/x.vmdk', '/a/y.raw'],
  });
});

test('two packages at once are refused', () => {
  const url = 'https://store/a%20b.ova';
  const provider = '0190f000-0000-7000-8000-000000000000';
  expect(importRequest([url], flags).source).toEqual({ type: 'web', url });
  expect(importRequest([url], { ...flags, provider }).source).toEqual({ type: 'web', url, provider });
  expect(() => importRequest([url, url], flags)).toThrow(/one file of a web server/);
  expect(() => importRequest(['/a/x.ova'], { ...flags, provider })).toThrow(/--provider/);
  expect(() => importRequest(['/a/x.ova', '/a/y.ova'], flags)).toThrow(/one OVA or directory at a time/);
});

test('networks are SOURCE=TARGET, cut at the last sign, or one for all', () => {
  const spec = importRequest(['/a/x.ova'], { ...flags, network: ['VM Network=br0', 'a=b=br1', 'user'] });
  expect(spec.target.networks).toEqual({ 'VM Network': 'br0', 'a=b': 'br1', '*': 'user' });
  expect(() => importRequest(['/a/x.ova'], { ...flags, network: ['x='] })).toThrow(/SOURCE=TARGET/);
});

test('only what was said about starting is passed on', () => {
  expect(importRequest(['/a/x.ova'], flags).options.power).toBe('as-source');
  expect(importRequest(['/a/x.ova'], { ...flags, start: true }).options.power).toBe('on');
  expect(importRequest(['/a/x.ova'], { ...flags, start: false }).options.power).toBe('off');
});

test('files need a directory, and a wrong word is named with those that are right', () => {
  expect(() => importRequest(['/a/x.ova'], { ...flags, to: 'files' })).toThrow(/--dir/);
  expect(() => importRequest(['/a/x.ova'], { ...flags, format: 'vdi' })).toThrow(/qcow2, raw/);
});

test('words that cannot be meant are refused before a server is started for them', async () => {
  const scratch = await mkdtemp(join(tmpdir(), 'wherry-words-'));
  try {
    const home = join(scratch, 'home');
    const words = ['import', '/a/x.ova', '/a/y.ova', '--to', 'files', '--dir', scratch, '--home', home];
    const said = runChild(process.execPath, [main, ...words], { timeoutMs: 60_000 });
    await expect(said).rejects.toMatchObject({
      message: expect.stringMatching(/one OVA or directory at a time/) as string,
    });
    expect(await readdir(scratch)).toEqual([]);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}, 90_000);
