/** Images compressed by gzip: a target that takes a disk once, in order. KILL in the middle, and what other programs make of it. */
import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runChild } from '../../src/process/child.ts';
import { setAmbush } from './ambush.ts';
import { checkDigests, checkNothingLeft, checkSucceeded } from './checks.ts';
import { diskSpec } from './disk-spec.ts';
import { limitBandwidth } from './limit.ts';
import { runWherry, startProduct } from './product.ts';
import type { Scenario } from './scenario.ts';
import { reached, stepProcess } from './step-process.ts';
import { makeStriped } from './striped.ts';
import { kill } from './victims.ts';

const mib = 2 ** 20;
const sizeBytes = 256 * mib;

export const compressed: Scenario = {
  name: 'compressed',
  proves:
    'an image compressed by gzip begins again after a KILL and says so; gzip unpacks the source’s bytes, and wherry verify finds a changed one',
  run: async (report) => {
    await using ambush = await setAmbush();
    await using product = await startProduct({ env: { WHERRY_FAIL_POINTS: ambush.directory }, leaseMs: 12_000 });
    const source = join(product.scratch, 'source.raw');
    const out = join(product.scratch, 'out');
    await mkdir(out);
    await makeStriped(source, sizeBytes, [
      [0, 96 * mib],
      [192 * mib, sizeBytes - 192 * mib],
    ]);
    await limitBandwidth(product, 64 * mib);
    await ambush.arm(['copy.opened']);
    const spec = diskSpec([source], { directory: out, format: 'raw', compressed: true }, 'packed');
    const id = await product.begin(spec);
    await reached(ambush, 'copy.opened');
    const step = await stepProcess(product);
    await ambush.release('copy.opened');
    for (const end = Date.now() + 120_000; (await step.read()) < 72 * mib; await sleep(20)) {
      if (Date.now() > end) throw new Error('the copy does not get there');
    }
    report.check('(control) a step was killed in the middle of the disk', await kill(product, 'child', Math.random));
    report.check(
      'what is there is not under its final name',
      (await readdir(out)).every((name) => name.endsWith('.partial')),
    );

    const view = await product.wait(id);
    checkSucceeded(report, view);
    const detail = await product.detail(view);
    const log = await product.client.text(`/vm-migrations/${detail.id}/log.txt`);
    report.check('it says that it began again', /copied from the beginning: .*one stream/.test(log), log.slice(-500));
    await checkDigests(report, product, detail, { disks: [{ path: source, sizeBytes }] });
    const image = join(out, 'packed-disk0.raw.gz');
    await runChild('gzip', ['--test', image]);
    await runChild('sh', ['-c', 'gzip -dc < "$0" | cmp - "$1"', image, source]);
    report.check('gzip unpacks the source, byte by byte', true);
    const verify = async () => runWherry(product, ['verify', '--migration', id]);
    report.check('wherry verify takes it as it is', (await verify()).code === 0);
    await checkNothingLeft(report, product, detail);

    await runChild('sh', ['-c', 'gzip -dc < "$0" > "$1"', image, `${image}.raw`]);
    await using file = await open(`${image}.raw`, 'r+');
    await file.write(Buffer.from('changed'), 0, 7, 100 * mib);
    await runChild('sh', ['-c', 'gzip -1 < "$1" > "$0"', image, `${image}.raw`]);
    report.check('(control) and finds what was changed in it', (await verify()).code === 5);
  },
};
