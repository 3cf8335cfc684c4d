/** KILL at every named fail point and at random moments: every migration ends as if nothing had been. */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { MigrationView, VmMigrationDetail } from '../../src/migration/api.ts';
import { type FailPoint, failPoints } from '../../src/model/fail-points.ts';
import { runChild } from '../../src/process/child.ts';
import { type Appliance, buildDemoOva } from '../peers/guest/appliance.ts';
import { type Libvirtd, startLibvirtd, whyNoLibvirtd } from '../peers/libvirtd.ts';
import { setAmbush } from './ambush.ts';
import { ovaSpec } from './appliance-spec.ts';
import { checkDigests, checkNothingLeft, checkSucceeded } from './checks.ts';
import { fileIn } from './file-in.ts';
import { type Attack, type Ground, type Kill, type KillRun, runUnderFire, tally } from './kill-run.ts';
import { type Product, startProduct } from './product.ts';
import type { Report, Scenario } from './scenario.ts';
import { chanceFrom, type Victim } from './victims.ts';

type Field = Ground & {
  readonly report: Report;
  readonly libvirtd: Libvirtd;
  readonly plain: Appliance;
  readonly reached: Set<FailPoint>;
  readonly kills: Kill[];
  /** Attempts beyond the first of each step, over all migrations. */
  repeated: number;
};

/** Checkpoints are written by `apply` alone. */
const ofConversion = (point: FailPoint): boolean => /^(convert|apply|server\.checkpoint)\./.test(point);
const ofUndo = (point: FailPoint): boolean => point.startsWith('undo.');
const plainPoints = failPoints.filter((point) => !ofConversion(point) && !ofUndo(point));

export const killAnything: Scenario = {
  name: 'kill-anything',
  proves: 'KILL of a step, worker, server or qemu-nbd at every fail point and at random moments costs nothing but time',
  long: true,
  unavailable: async () => whyNoLibvirtd(),
  run: (report) =>
    onField(report, async (field) => {
      // Three rounds, so that every point sees a step, the worker and the server die.
      for (const turn of [0, 1, 2]) await plainUnderFire(field, plainPoints, turn);
      await canceledUnderFire(field, 0);
      await canceledUnderFire(field, 1);
      await convertedUnderFire(field, failPoints.filter(ofConversion));
      await atRandomMoments(field, 10);
      const missed = failPoints.filter((point) => !field.reached.has(point));
      report.check(
        'every fail point there is was reached, and somebody killed there',
        missed.length === 0,
        missed.join(),
      );
    }),
};

const few: readonly FailPoint[] = [
  'create-disks.effect.after',
  'copy.written.before-flush',
  'copy.done',
  'verify.reading',
  'create-vm.effect.after',
  'power-on.after',
  'server.finish.before-commit',
];

export const killSome: Scenario = {
  name: 'kill-some',
  proves:
    'KILL of a step, the worker, the server and qemu-nbd during a migration and its undoing costs nothing but time',
  unavailable: async () => whyNoLibvirtd(),
  run: (report) =>
    onField(report, async (field) => {
      await plainUnderFire(field, few, 0);
      await canceledUnderFire(field, 0);
      const dead = new Set(field.kills.map(({ victim }) => victim));
      report.check('each kind of process was killed', dead.size === 4, tally(field.kills));
    }),
};

async function onField(report: Report, run: (field: Field) => Promise<void>): Promise<void> {
  const seed = Number(process.env['WHERRY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  report.figure('seed (WHERRY_SEED repeats it)', seed);
  const libvirtd = await startLibvirtd({ kind: 'debian' });
  try {
    await using ambush = await setAmbush();
    await using product = await startProduct({
      env: { WHERRY_FAIL_POINTS: ambush.directory, WHERRY_LIBVIRT_LOGS: libvirtd.logDirectory },
    });
    const dir = join(product.scratch, 'plain');
    await mkdir(dir);
    const plain = await buildDemoOva({ dir, token: `kill-${process.pid}`, kind: 'kvm', vmName: 'plain', dataMiB: 96 });
    const ground = { product, ambush, chance: chanceFrom(seed) };
    const field: Field = { ...ground, report, libvirtd, plain, reached: new Set(), kills: [], repeated: 0 };
    await run(field);
    report.figure('killed', tally(field.kills));
    report.figure('attempts repeated', field.repeated);
  } catch (error) {
    report.note(`seed ${seed}`);
    throw error;
  } finally {
    await libvirtd.stop();
  }
}

/** By turns. qemu-nbd where there is one that matters; a server's own points see it die more often than others. */
function victimsFor(points: readonly FailPoint[], turn: number): (point: FailPoint) => Victim[] {
  return (point) => {
    const order: Victim[] = ['child', 'worker', 'server'];
    const first = order[(points.indexOf(point) + turn) % 3] ?? 'child';
    const rest = order.filter((victim) => victim !== first);
    if (point.startsWith('server.') && turn === 0) return ['server'];
    const busy = point === 'copy.written.before-flush' || point === 'verify.reading' || point === 'apply.half';
    return busy && turn === 0 ? ['qemu-nbd', first, ...rest] : [first, ...rest];
  };
}

async function fire(field: Field, attack: Attack): Promise<KillRun & { readonly detail: VmMigrationDetail }> {
  const { report, product, libvirtd } = field;
  const run = await runUnderFire(field, {
    ...attack,
    onReached: async (point, id) => {
      await attack.onReached?.(point, id);
      field.reached.add(point);
      const names = (await libvirtd.virsh('list', '--all', '--name')).split('\n').filter((name) => name !== '');
      if (names.length > 1) throw new Error(`at ${point} there is more than one domain: ${names.join()}`);
    },
  });
  const detail = await product.detail(run.view);
  const left = await field.ambush.left();
  report.note(run.kills.map(({ victim, at, seconds }) => `${seconds.toFixed(1)} s ${at}: ${victim}`).join(', '));
  if (left.length > 0) report.note(`${run.view.state}: ${JSON.stringify(detail.error ?? detail.undoError)}`);
  report.check('every armed fail point was reached', left.length === 0, left.join());
  const again = detail.attempts.length - new Set(detail.attempts.map(({ step }) => step)).size;
  field.repeated += again;
  field.kills.push(...run.kills);
  report.figure('killed', `${tally(run.kills)}; ${again} attempts repeated; ${run.seconds.toFixed(1)} s`);
  return { ...run, detail };
}

function specOf(field: Field, appliance: Appliance): Attack['spec'] {
  const { uri } = field.libvirtd;
  return ovaSpec(appliance.path, { type: 'libvirt', uri, pool: 'default', format: 'qcow2', networks: { '*': 'user' } });
}

async function plainUnderFire(field: Field, points: readonly FailPoint[], turn: number): Promise<void> {
  field.report.note(`a guest that needs no conversion, ${points.length} fail points, turn ${turn + 1}`);
  const spec = specOf(field, field.plain);
  const { view, detail } = await fire(field, { spec, points, victimsAt: victimsFor(points, turn) });
  await checkMigrated(field, field.plain, view, detail);
}

async function atRandomMoments(field: Field, count: number): Promise<void> {
  field.report.note(`${count} random moments`);
  for (let done = 0; done < count; ) {
    const moments: number[] = [];
    // Far enough apart for something to be running again, near enough to hit what just begins again.
    for (let at = 0; moments.length < Math.min(5, count - done); ) moments.push((at += 300 + field.chance() * 4_000));
    const spec = specOf(field, field.plain);
    const { view, detail, kills } = await fire(field, { spec, points: [], victimsAt: () => [], moments });
    done += kills.length;
    await checkMigrated(field, field.plain, view, detail);
  }
}

async function convertedUnderFire(field: Field, points: readonly FailPoint[]): Promise<void> {
  field.report.note(`a guest that is converted, ${points.length} fail points`);
  const dir = join(field.product.scratch, 'converted');
  await mkdir(dir);
  const token = `conv-${process.pid}`;
  const appliance = await buildDemoOva({
    dir,
    token,
    kind: 'debian',
    vmName: 'converted',
    memoryMiB: 288,
    dataMiB: 32,
  });
  const spec = specOf(field, appliance);
  const { view, detail } = await fire(field, { spec, points, victimsAt: victimsFor(points, 0) });
  await checkMigrated(field, appliance, view, detail);
}

/** Canceled with its VM just made: everything is taken away again, whoever is killed while that goes on. */
async function canceledUnderFire(field: Field, turn: number): Promise<void> {
  const { report, product, libvirtd } = field;
  report.note('canceled after its VM was made');
  const points: readonly FailPoint[] = ['create-vm.effect.after', 'undo.before', 'undo.after'];
  const { view, detail } = await fire(field, {
    spec: specOf(field, field.plain),
    points,
    victimsAt: (point) => (point === 'create-vm.effect.after' ? ['child'] : victimsFor(points, turn)(point)),
    onReached: async (point, id) => {
      if (point !== 'create-vm.effect.after') return;
      report.check(
        'the VM is there when it is canceled',
        (await libvirtd.virsh('list', '--all', '--name')).trim() !== '',
      );
      await product.client.post(`/migrations/${id}/cancel`);
    },
  });
  report.check('the migration is canceled', view.state === 'canceled', JSON.stringify(view.vmMigrations[0]?.undoError));
  await checkPoolAndDomains(field, []);
  await checkNothingLeft(report, product, detail);
  report.check(
    'nothing was handed over',
    detail.ledger.every(({ state }) => state === 'removed'),
  );
}

async function checkMigrated(
  field: Field,
  appliance: Appliance,
  view: MigrationView,
  detail: VmMigrationDetail,
): Promise<void> {
  const { report, libvirtd, product } = field;
  const name = appliance.vmName;
  checkSucceeded(report, view);
  await checkDigests(report, product, detail, appliance);
  const log = await product.client.text(`/vm-migrations/${detail.id}/log.txt`);
  report.check(
    'the guest runs, and its console says so',
    log.includes(`the guest runs: `) && log.includes(appliance.marker),
  );
  report.check('libvirt says it runs', (await libvirtd.virsh('domstate', name)).trim() === 'running');
  report.check('one QEMU runs it', (await qemusOf(libvirtd)) === 1, String(await qemusOf(libvirtd)));
  const volumes = appliance.disks.map((_, index) => `${name}-disk${index}.qcow2`);
  await checkPoolAndDomains(field, [name], volumes);
  await libvirtd.virsh('destroy', name);
  for (const [index, disk] of appliance.disks.entries()) {
    const path = join(libvirtd.pools['default'] ?? '', volumes[index] ?? '');
    await runChild('qemu-img', ['check', '-f', 'qcow2', path]);
    const same = await isSame(disk.path, path);
    const converted = appliance !== field.plain;
    // The test guest mounts its disks read only: running changes nothing. A conversion mounts all disks, too.
    if (!converted) report.check(`disk ${index} is identical to the source`, same);
    else if (index === 0) report.check('(control) disk 0, which was converted, differs', !same);
    else report.check(`the file on disk ${index} is the source’s`, await sameFile(product, disk.path, path));
  }
  await libvirtd.virsh('undefine', name, '--nvram', '--remove-all-storage');
  await checkPoolAndDomains(field, []);
  await checkNothingLeft(report, product, detail);
}

async function checkPoolAndDomains(
  { report, libvirtd }: Field,
  names: readonly string[],
  volumes: readonly string[] = [],
): Promise<void> {
  const domains = (await libvirtd.virsh('list', '--all', '--name')).split('\n').filter((name) => name !== '');
  report.check(`libvirt has ${names.length} domains`, domains.join() === names.join(), domains.join());
  const files = (await readdir(libvirtd.pools['default'] ?? '')).sort();
  report.check(`the pool has ${volumes.length} volumes`, files.join() === [...volumes].sort().join(), files.join());
}

async function isSame(raw: string, qcow2: string): Promise<boolean> {
  return runChild('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', raw, qcow2]).then(
    () => true,
    () => false,
  );
}

async function sameFile({ scratch }: Product, source: string, target: string): Promise<boolean> {
  const raw = join(scratch, 'target.raw');
  await runChild('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', target, raw]);
  const [expected, found] = [await fileIn(source, scratch), await fileIn(raw, scratch)];
  await rm(raw);
  return expected.some((byte) => byte !== 0) && found.equals(expected);
}

/** Processes that run a guest from this daemon's pool. */
async function qemusOf(libvirtd: Libvirtd): Promise<number> {
  const pool = libvirtd.pools['default'] ?? '';
  let count = 0;
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    if (/^[^\0]*qemu-system/.test(command) && command.includes(pool)) count += 1;
  }
  return count;
}
