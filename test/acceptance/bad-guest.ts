import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspectVersion } from '../../src/conversion/tool.ts';
import { toVmdk, buildGuest, type GuestKind } from '../peers/guest/build.ts';
import { buildOva } from '../fixtures/ova/build.ts';
import { type BadCase, checkRefused, checkSucceeds } from './bad-case.ts';
import { startProduct } from './product.ts';
import type { Scenario } from './scenario.ts';

/** Guests that cannot be converted: each needs virt-v2v, most of a minute without KVM. */
export const badGuest: Scenario = {
  name: 'bad-guest',
  proves:
    'a guest that virt-v2v cannot convert ends in an error in its own words; unconverted, as it advises, it migrates',
  unavailable: () =>
    inspectVersion().then(
      () => null,
      (error: unknown) => String(error),
    ),
  run: async (report) => {
    await using stack = new AsyncDisposableStack();
    const dir = stack.adopt(await mkdtemp(join(tmpdir(), 'wherry-guest-')), (path) => rm(path, { recursive: true }));
    const product = stack.use(await startProduct());
    const outs = { unknownOs: join(dir, 'out-unknown-os'), noOs: join(dir, 'out-no-os') };
    for (const out of Object.values(outs)) {
      await mkdir(out);
      await writeFile(join(out, 'bystander'), 'was here before');
    }
    const cases = [await unknownOs(dir, outs.unknownOs), await noOs(dir, outs.noOs)];
    const secret = { marker: '', seen: [] };
    // Side by side: each is one busy core.
    await Promise.all(cases.map((bad) => checkRefused(report, product, bad, secret)));
    for (const [index, bad] of cases.entries()) {
      const words = [...bad.words, '--conversion', 'never', '--name', `unconverted-${index}`];
      await checkSucceeds(report, product, { name: `${bad.name}, unconverted`, words }, secret);
    }
    for (const out of Object.values(outs)) {
      report.check('it is there', (await readdir(out)).filter((name) => name.endsWith('.xml')).length === 1);
    }
  },
};

async function unknownOs(dir: string, out: string): Promise<BadCase> {
  const path = await appliance(dir, 'unknown-os');
  return {
    name: 'a guest of an operating system that nobody knows',
    words: [path, '--to', 'files', '--dir', out],
    code: 'conversion.unsupported_os',
    once: 'unknown-os',
    names: ['VM unknown-os', 'Wherry Test OS 1', 'Hard Disk 1'],
    cause: /unknown/,
    next: /--conversion never/,
    sources: [path],
    targets: [out],
    more: conversionFailed,
  };
}

async function noOs(dir: string, out: string): Promise<BadCase> {
  const path = await appliance(dir, 'no-os');
  return {
    name: 'a disk that no operating system is on',
    words: [path, '--to', 'files', '--dir', out],
    code: 'conversion.no_os',
    once: 'no-os',
    names: ['VM no-os', 'Hard Disk 1'],
    cause: /No root device found|could not detect the source guest/,
    next: /--conversion never/,
    sources: [path],
    targets: [out],
    more: conversionFailed,
  };
}

const conversionFailed: NonNullable<BadCase['more']> = ({ steps }) => ({
  'it was the conversion that failed': steps.find(({ name }) => name === 'convert')?.state === 'failed',
  'no VM was created': steps.find(({ name }) => name === 'create-vm')?.attempts === 0,
});

async function appliance(dir: string, kind: GuestKind): Promise<string> {
  const guest = await buildGuest({ kind, token: 'bad-guest', dir });
  const file = await toVmdk(guest.path);
  const path = join(dir, `${kind}.ova`);
  await buildOva({ path, vmName: kind, disks: [{ file, capacityBytes: guest.sizeBytes }] });
  return path;
}
