import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runChild } from '../../src/process/child.ts';
import { type Libvirtd, startLibvirtd, whyNoLibvirtd } from '../peers/libvirtd.ts';
import { makeSmallSpace } from '../peers/small-space.ts';
import { type BadCase, checkRefused, checkSucceeds, type Control, type Secret } from './bad-case.ts';
import { directoryCases, directoryControls, sourceCases, sourceControls } from './bad-input-cases.ts';
import { type InputFiles, makeInputFiles } from './bad-input-files.ts';
import { libvirtCases, libvirtControls, takenName } from './bad-input-libvirt.ts';
import { asUser, makeUserPlaces, user, userCases, userControls } from './bad-input-user.ts';
import { type Product, startProduct } from './product.ts';
import type { Report, Scenario } from './scenario.ts';

const mib = 2 ** 20;
/** Cases at once: two cores are shared with the server. */
const lanes = 3;

export const badInput: Scenario = {
  name: 'bad-input',
  proves: 'bad input of every kind ends in an error that says what, where, why and what to do; nothing is lost or left',
  unavailable: async () => whyNoLibvirtd(),
  run: async (report) => {
    await using stack = new AsyncDisposableStack();
    const dir = stack.adopt(await mkdtemp(join(tmpdir(), 'wherry-bad-')), (path) => rm(path, { recursive: true }));
    await chmod(dir, 0o755);
    const secret: Secret = { marker: `SECRET-${randomBytes(8).toString('hex')}`, seen: [] };
    const small = stack.use(await makeSmallSpace(32 * mib));
    const files = await makeInputFiles(join(dir, 'input'), secret.marker);
    const libvirtd = await startLibvirtd({ kind: 'private', launcher: small.launcher });
    stack.defer(() => libvirtd.stop());
    const product = stack.use(await startProduct({ launcher: small.launcher }));
    await sourcesAndTargets(report, { product, files, libvirtd, small, secret, dir });
    await withoutRights(report, files, libvirtd, secret);
  },
};

type World = {
  readonly product: Product;
  readonly files: InputFiles;
  readonly libvirtd: Libvirtd;
  readonly small: { readonly path: string; readonly seenFromHere: string };
  readonly secret: Secret;
  readonly dir: string;
};

async function sourcesAndTargets(report: Report, world: World): Promise<void> {
  const { product, files, libvirtd, small, secret, dir } = world;
  const [out, late, taken] = [join(dir, 'out'), join(dir, 'late'), join(dir, 'taken')];
  const [images, pool] = [join(small.path, 'images'), join(small.path, 'pool')];
  const [imagesSeen, poolSeen] = [join(small.seenFromHere, 'images'), join(small.seenFromHere, 'pool')];
  for (const path of [out, late, taken, imagesSeen, poolSeen]) {
    await mkdir(path);
    await writeFile(join(path, 'bystander'), 'was here before'); // "as before" is not "empty"
  }
  await copyFile(files.good, join(taken, 'app-disk0.qcow2'));
  await libvirtd.virsh('pool-define-as', 'small', 'dir', '--target', pool);
  await libvirtd.virsh('pool-start', 'small');
  const xml = join(dir, 'taken.xml');
  await writeFile(xml, emptyDomain(takenName));
  await libvirtd.virsh('define', xml);

  const cases = [
    ...sourceCases(files, out, late),
    ...directoryCases(files, { out, taken, small: images, smallSeen: imagesSeen }),
    ...libvirtCases(files, libvirtd, poolSeen),
  ];
  await refuseAll(report, product, cases, secret);
  await checkClean(report, product, [out, late, taken, imagesSeen, poolSeen, libvirtd.pools['default'] ?? ''], secret);
  const controls = [
    ...sourceControls(files, out),
    ...directoryControls(files, { small: images }),
    ...libvirtControls(files, libvirtd),
  ];
  await inLanes(controls, (control: Control) => checkSucceeds(report, product, control, secret));
}

/** Whoever may do less than root. */
async function withoutRights(report: Report, files: InputFiles, libvirtd: Libvirtd, secret: Secret): Promise<void> {
  await using product = await startProduct({ launcher: asUser, owner: user.id });
  const places = await makeUserPlaces(product.scratch, files);
  await refuseAll(report, product, userCases(places, libvirtd), secret);
  await checkClean(report, product, [places.own, places.open], secret);
  await inLanes(userControls(places), (control) => checkSucceeds(report, product, control, secret));
}

async function refuseAll(report: Report, product: Product, cases: readonly BadCase[], secret: Secret): Promise<void> {
  await inLanes(cases, (bad) => checkRefused(report, product, bad, secret));
}

/** A few at once; what needs the place for itself one after the other. The first failure is thrown when all have ended. */
async function inLanes<T extends { readonly alone?: boolean }>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  const drain = async (queue: T[]): Promise<void> => {
    for (let item = queue.shift(); item !== undefined && failures.length === 0; item = queue.shift()) {
      await work(item).catch((error: unknown) => failures.push(error));
    }
  };
  const shared = items.filter((item) => item.alone !== true);
  const alone = items.filter((item) => item.alone === true);
  await Promise.all([drain(alone), ...Array.from({ length: lanes - 1 }, () => drain(shared))]);
  if (failures.length > 0) throw failures[0];
}

/** After all refusals: no process, no temporary file, and the secret nowhere that people or tools would find it. */
async function checkClean(report: Report, product: Product, targets: readonly string[], secret: Secret): Promise<void> {
  let left: string[] = [];
  // The process of a VM migration is kept for a moment, should another step come.
  for (const end = Date.now() + 15_000; Date.now() < end; await sleep(200)) {
    // No case here converts anything: what libguestfs has there is of somebody else on this machine.
    left = (await product.leftovers()).filter((line) => !line.startsWith('temporary libguestfs'));
    if (left.length === 0) break;
  }
  report.check('no process, socket or temporary file is left of any of them', left.length === 0, left.join('; '));
  report.check('the secret was in nothing that was said or logged', !secret.seen.join('\n').includes(secret.marker));
  const found = await filesWith(secret.marker, [...targets, product.home, join(product.scratch, 'server.log')]);
  report.check('nor in any file of Wherry’s or of the targets', found === '', found);
  const planted = join(product.home, 'planted');
  await writeFile(planted, secret.marker);
  report.check('(control) it would be found', (await filesWith(secret.marker, [product.home])).trim() === planted);
  await rm(planted);
}

async function filesWith(marker: string, places: readonly string[]): Promise<string> {
  // grep ends with 1 when it found nothing, and with 2 when a file went away under it (PostgreSQL's come and go).
  const script = 'LC_ALL=C grep -rlsaF -e "$@" || [ $? -le 2 ]';
  return runChild('sh', ['-c', script, 'sh', marker, '--', ...places], { timeoutMs: 60_000 });
}

function emptyDomain(name: string): string {
  return `<domain type="qemu"><name>${name}</name><memory unit="MiB">64</memory>
  <os><type arch="x86_64" machine="q35">hvm</type></os></domain>`;
}
