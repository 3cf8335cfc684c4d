import { fileIn } from './file-in.ts';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runChild } from '../../src/process/child.ts';
import { buildDemoOva } from '../peers/guest/appliance.ts';
import { bootUntil } from '../peers/guest/boot.ts';
import { type Ambush, setAmbush } from './ambush.ts';
import { ovaSpec } from './appliance-spec.ts';
import { checkDigests, checkNothingLeft, checkSucceeded } from './checks.ts';
import { type Product, startProduct } from './product.ts';
import type { Scenario } from './scenario.ts';

export const gzipOva: Scenario = {
  name: 'gzip-ova',
  long: true,
  proves:
    'gzip’d disks are copied first, in order, and converted on the copy; a conversion lost while it was half applied is taken back and made again',
  run: async (report) => {
    await using ambush = await setAmbush();
    await using product = await startProduct({ env: { WHERRY_FAIL_POINTS: ambush.directory }, leaseMs: 6_000 });
    const dir = join(product.scratch, 'ova');
    const out = join(product.scratch, 'out');
    for (const path of [dir, out]) await mkdir(path);
    const appliance = await buildDemoOva({ dir, token: `gzip-${process.pid}`, dataMiB: 24, gzip: true });
    const target = { type: 'files', directory: out, format: 'qcow2', networks: {} } as const;

    await ambush.arm(['apply.half']);
    const id = await product.begin(ovaSpec(appliance.path, target));
    await loseOverlaysAt(ambush, product);
    report.note('killed while the conversion was half applied, and its overlays are gone');
    const view = await product.wait(id);
    checkSucceeded(report, view);
    const detail = await product.detail(view);
    report.check('it went the way for such disks', detail.itinerary.name === 'cold-in-order', detail.itinerary.name);
    const begun = (name: string): string => detail.steps.find((step) => step.name === name)?.startedAt ?? '';
    const ended = (name: string): string => detail.steps.find((step) => step.name === name)?.endedAt ?? '';
    report.check('the conversion began when the copy was verified', begun('convert') >= ended('verify'));
    const attempts = detail.attempts.filter(({ step }) => step === 'apply').length;
    report.check('applying took a second attempt', attempts === 2, String(attempts));
    await checkDigests(report, product, detail, appliance);

    const disks = [0, 1].map((n) => join(out, `${appliance.vmName}-disk${n}.qcow2`));
    for (const disk of disks) await runChild('qemu-img', ['check', '-f', 'qcow2', disk]);
    // A conversion mounts and trims what it finds, so the superblocks differ; the file in the data disk must not.
    const before = await fileIn(appliance.disks[1]?.path ?? '', product.scratch);
    const data = join(product.scratch, 'data-after.raw');
    await runChild('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', disks[1] ?? '', data]);
    const after = await fileIn(data, product.scratch);
    report.check('the file in the data disk is not empty', before.length === 12 * 2 ** 20, String(before.length));
    report.check('the file in the data disk is as it was', before.equals(after));
    const system = { path: disks[0] ?? '', format: 'qcow2', bus: 'virtio', timeoutMs: 120_000 } as const;
    const line = await bootUntil(appliance.marker, system);
    report.check('the converted guest boots from virtio', line !== null && line.includes('vda'), line ?? 'no marker');
    await checkNothingLeft(report, product, detail);
  },
};

/** Waits until a conversion is half applied, then kills who applies it and takes its overlays away. */
async function loseOverlaysAt(ambush: Ambush, product: Product): Promise<void> {
  const deadline = Date.now() + 240_000;
  while (!(await ambush.waiting()).includes('apply.half')) {
    if (Date.now() > deadline) throw new Error('no conversion was ever half applied');
    await sleep(100);
  }
  for (const pid of await product.childPids()) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // its parent was killed before it, and took it along
    }
  }
  const work = join(product.home, 'worker', 'vm-migrations');
  for (const name of await readdir(work)) {
    for (const file of await readdir(join(work, name))) {
      if (file === 'overlay-id' || file.startsWith('overlay-')) await rm(join(work, name, file), { force: true });
    }
  }
  await ambush.release('apply.half');
}
