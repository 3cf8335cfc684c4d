import { execFile } from 'node:child_process';
import { chmod, link, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Libvirtd, startLibvirtd, whyNoLibvirtd } from '../../../test/peers/libvirtd.ts';
import { newId } from '../../model/ids.ts';
import type { TargetDisk } from '../provider.ts';
import type { LibvirtTargetSpec } from './context.ts';
import { make, openTarget, remove, signal, type TestTarget } from './test-target.ts';
import { mib, testGuest, testVm } from '../domain/test-vm.ts';

const run = promisify(execFile);
const missing = whyNoLibvirtd();

describe.skipIf(missing !== null)(`libvirt target${missing === null ? '' : ` (${missing})`}`, () => {
  let daemon: Libvirtd;
  let directory: string;
  let pool: string;
  const open = (change: Partial<LibvirtTargetSpec> = {}): TestTarget => openTarget(daemon, change);
  beforeAll(async () => {
    daemon = await startLibvirtd({ kind: 'private' });
    pool = daemon.pools['default'] ?? '';
    directory = await mkdtemp(join(tmpdir(), 'wherry-target-'));
  });
  afterAll(async () => {
    await daemon.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** Runs a command where only the daemon is. */
  async function inside(...command: string[]): Promise<string> {
    return (await run('nsenter', ['-m', '-t', String(await daemon.pid()), ...command])).stdout;
  }

  test('this worker is eligible on the same host and finds nothing in the way but emulation', async () => {
    await using target = open();
    await target.eligible(signal());
    const concerns = await target.concerns(
      { mark: { targetCopyId: newId() }, vm: testVm(), targetName: 'web01' },
      signal(),
    );
    expect(concerns).toEqual([{ code: 'libvirt.emulated', severity: 'warning', params: { vm: 'web01' } }]);
  });

  test.each(['qcow2', 'raw'] as const)(
    'bytes written to a %s volume are there, and removal leaves nothing',
    async (format) => {
      await using target = open({ format });
      const mark = { targetCopyId: newId() };
      const vm = testVm();
      const request = { mark, vm, targetName: 'a/b c', diskId: 'disk0', index: 0, sizeBytes: 8 * mib };
      const planned = await target.planDisk(request, signal());
      await target.removeDisk(mark, planned, signal()); // intended, never created
      const disk = await target.createDisk(planned, request, signal());
      const data = Buffer.alloc(mib, 'wherry');
      {
        const writer = await target.openDisk(disk, { readOnly: false, directory }, signal());
        expect(writer.startsZeroed).toBe(true);
        await writer.write(3 * mib, data, signal());
        await writer.flush(signal());
        await writer.close();
      }
      // An attempt that runs again adopts it with its content, and no longer claims that it is empty.
      expect(await target.createDisk(planned, request, signal())).toEqual(disk);
      const reader = await target.openDisk(disk, { readOnly: true, directory }, signal());
      expect(reader.startsZeroed).toBe(false);
      expect(reader.sizeBytes).toBe(8 * mib);
      expect(await reader.read(3 * mib, mib, signal())).toEqual(data);
      expect(await reader.read(4 * mib, mib, signal())).toEqual(Buffer.alloc(mib));
      await reader.close();
      const [file] = await readdir(pool);
      expect(file).toBe(`a_b c-disk0.${format}.${mark.targetCopyId}.partial`);
      expect((await stat(join(pool, file ?? ''))).mode & 0o777).toBe(0o600);
      // Of another size it is not what is wanted, and made anew.
      const larger = { ...request, sizeBytes: 16 * mib };
      await target.createDisk(await target.planDisk(larger, signal()), larger, signal());
      expect(await daemon.virsh('vol-info', '--bytes', '--pool', 'default', file ?? '')).toMatch(
        /Capacity:\s+16777216/,
      );
      await target.removeDisk(mark, disk, signal());
      await target.removeDisk(mark, disk, signal());
      expect(await readdir(pool)).toEqual([]);
      expect((await daemon.virsh('vol-list', 'default')).trim()).toBe('');
    },
  );

  test('a VM is defined once however often it is created, and removed with all that belongs to it', async () => {
    await using target = open();
    const mark = { targetCopyId: newId() };
    const made = await make(target, mark);
    expect(await make(target, mark)).toEqual(made);
    expect((await daemon.virsh('list', '--all', '--name')).trim()).toBe('web01');
    expect(await daemon.virsh('vol-list', 'default')).toContain('web01-disk0.qcow2 ');
    expect(await target.power?.state(made.vm, signal())).toBe('off');
    expect(
      (await target.concerns({ mark, vm: testVm(), targetName: 'web01' }, signal())).map((c) => c.severity),
    ).toEqual(['warning']);
    await remove(target, mark, made);
    await remove(target, mark, made);
    expect((await daemon.virsh('list', '--all', '--name')).trim()).toBe('');
    expect(await readdir(pool)).toEqual([]);
  });

  test('finalize leaves only what a user should see, twice is fine, and then nothing is ours to remove', async () => {
    await using target = open();
    const mark = { targetCopyId: newId() };
    const made = await make(target, mark, { name: 'final' });
    for (let i = 0; i < 2; i += 1) await target.finalize?.(mark, made, { gone: false }, signal());
    expect(await readdir(pool)).toEqual(['final-disk0.qcow2']);
    const xml = await daemon.virsh('dumpxml', '--inactive', 'final');
    expect(xml).not.toContain('<log ');
    expect(xml).not.toContain(mark.targetCopyId + '"');
    expect(xml).toContain('source-name="web01"');
    await expect(target.removeVm(mark, made.vm, signal())).rejects.toMatchObject({ code: 'libvirt.not_ours' });
    await target.removeDisk(mark, made.disks[0] as TargetDisk, signal());
    expect(await readdir(pool)).toEqual(['final-disk0.qcow2']);
    await daemon.virsh('undefine', 'final', '--remove-all-storage');
  });

  test('a hand-over ends clearly when the pool was removed meanwhile', async () => {
    const path = join(directory, 'short-lived');
    await mkdir(path);
    const definePool = async (): Promise<void> => {
      await daemon.virsh('pool-define-as', 'short', 'dir', '--target', path);
      await daemon.virsh('pool-start', 'short');
    };
    const removePool = async (): Promise<void> => {
      await daemon.virsh('pool-destroy', 'short');
      await daemon.virsh('pool-undefine', 'short');
    };
    await definePool();
    await using target = open({ pool: 'short' });
    const mark = { targetCopyId: newId() };
    const made = await make(target, mark, { name: 'short' });
    const disk = made.disks[0] as TargetDisk;
    const finalize = (gone: boolean) => target.finalize?.(mark, made, { gone }, signal());
    await removePool();
    // Pool and directory, or what was mounted there.
    await rename(path, `${path}.away`);
    await mkdir(path);
    const away = { code: 'libvirt.volume_away', passing: true, params: { pool: 'short', volume: 'short-disk0.qcow2' } };
    await expect(finalize(false)).rejects.toMatchObject({ ...away, params: { ...away.params, vm: 'short' } });
    await expect(target.removeDisk(mark, disk, signal())).rejects.toMatchObject(away);
    // The pool is back, what was mounted under it is not.
    await definePool();
    await expect(finalize(false)).rejects.toMatchObject(away);
    await expect(target.removeDisk(mark, disk, signal())).rejects.toMatchObject(away);
    await removePool();
    expect(await readdir(`${path}.away`)).toHaveLength(2);
    expect(await daemon.virsh('dumpxml', '--inactive', 'short')).toContain(mark.targetCopyId + '"');

    // The pool alone: the volume is where it was made.
    await rm(path, { recursive: true });
    await rename(`${path}.away`, path);
    expect(await finalize(false)).toEqual({ vm: false, diskIds: [] });
    expect(await readdir(path)).toEqual(['short-disk0.qcow2']);
    expect(await daemon.virsh('dumpxml', '--inactive', 'short')).not.toContain(mark.targetCopyId + '"');

    // All of it is gone, and its owner says so.
    await daemon.virsh('undefine', 'short');
    await rm(path, { recursive: true });
    await expect(finalize(false)).rejects.toMatchObject(away);
    expect(await finalize(true)).toEqual({ vm: true, diskIds: [disk.diskId] });
  });

  test('a name or a volume of somebody else is a critical concern, and is never touched', async () => {
    await using target = open();
    const mark = { targetCopyId: newId() };
    const theirs = { targetCopyId: newId() };
    const foreign = await make(target, theirs, { name: 'taken' });
    const request = { mark, vm: testVm(), targetName: 'taken' };
    expect(await target.concerns(request, signal())).toMatchObject([
      { code: 'libvirt.name_taken', severity: 'critical', params: { name: 'taken' } },
      { code: 'libvirt.volume_exists', severity: 'critical', params: { volume: 'taken-disk0.qcow2' } },
      { code: 'libvirt.emulated' },
    ]);
    await expect(make(target, mark, { name: 'taken' })).rejects.toMatchObject({ code: 'libvirt.name_taken' });
    await target.removeVm(theirs, foreign.vm, signal());
    await expect(make(target, mark, { name: 'taken' })).rejects.toMatchObject({ code: 'libvirt.volume_exists' });
    const diskRequest = { ...request, diskId: 'disk0', index: 0, sizeBytes: 8 * mib };
    await target.removeDisk(mark, await target.planDisk(diskRequest, signal()), signal());
    await expect(target.removeDisk(mark, foreign.disks[0] as TargetDisk, signal())).rejects.toMatchObject({
      code: 'libvirt.not_ours',
    });
    expect((await readdir(pool)).length).toBe(2);
    await target.removeDisk(theirs, foreign.disks[0] as TargetDisk, signal());
    expect(await readdir(pool)).toEqual([]);
  });

  test('a crash between naming the disks and defining the VM is undone completely', async () => {
    await using target = open();
    const mark = { targetCopyId: newId() };
    const vm = testVm();
    const request = { mark, vm, targetName: 'half', diskId: 'disk0', index: 0, sizeBytes: 8 * mib };
    const disk = await target.createDisk(await target.planDisk(request, signal()), request, signal());
    await link(join(pool, disk.ref['partial'] ?? ''), join(pool, disk.ref['volume'] ?? ''));
    const vmRequest = { ...request, guest: testGuest(), disks: [disk] };
    await target.removeVm(mark, await target.planVm(vmRequest, signal()), signal());
    await target.removeDisk(mark, disk, signal());
    expect(await readdir(pool)).toEqual([]);
  });

  test('pools that are missing, stopped or not made of files are critical and say what there is', async () => {
    const request = { mark: { targetCopyId: newId() }, vm: testVm(), targetName: 'web01' };
    await using absent = open({ pool: 'nope' });
    await absent.eligible(signal());
    expect(await absent.concerns(request, signal())).toMatchObject([
      { code: 'libvirt.pool_missing', severity: 'critical', params: { pool: 'nope', pools: 'default' } },
      { code: 'libvirt.emulated' },
    ]);
    await daemon.virsh('pool-define-as', 'off', 'dir', '--target', directory);
    await daemon.virsh(
      'pool-define-as',
      'iscsi',
      'iscsi',
      '--source-host',
      '127.0.0.1',
      '--source-dev',
      'iqn.x',
      '--target',
      '/dev',
    );
    await using off = open({ pool: 'off' });
    expect(await off.concerns(request, signal())).toMatchObject([{ code: 'libvirt.pool_inactive' }, {}]);
    await using iscsi = open({ pool: 'iscsi' });
    expect(await iscsi.concerns(request, signal())).toMatchObject([
      { code: 'libvirt.pool_unsupported', params: { type: 'iscsi', pools: 'default' } },
      {},
    ]);
    await using slash = open();
    expect(await slash.concerns({ ...request, targetName: 'a/b' }, signal())).toMatchObject([
      { code: 'libvirt.name_invalid' },
      {},
    ]);
  });

  test('a pool that is another directory here is not written to, and nothing stays there', async () => {
    for (const [name, mount] of [
      ['other-fs', ['-t', 'tmpfs', '-o', 'size=64m', 'none']],
      ['same-fs', ['--bind', join(pool, '../cache')]],
    ] as const) {
      const path = join(directory, name);
      await mkdir(path);
      await inside('mount', ...mount, path);
      await daemon.virsh('pool-define-as', name, 'dir', '--target', path);
      await daemon.virsh('pool-start', name);
      await using target = open({ pool: name });
      // The size of the file system gives it away; where that is the same, the first volume does.
      const work = name === 'other-fs' ? target.eligible(signal()) : make(target, { targetCopyId: newId() });
      await expect(work).rejects.toMatchObject({ code: 'libvirt.other_host' });
      expect(await inside('find', path, '-name', '*.partial')).toBe('');
    }
  });

  test('a user without rights is told who may write there', async () => {
    await using target = open();
    await target.eligible(signal());
    const script = `
      import { createLibvirtTarget } from ${JSON.stringify(join(import.meta.dirname, 'target.ts'))};
      const spec = { type: 'libvirt', uri: ${JSON.stringify(daemon.uri)}, pool: 'default', format: 'raw', networks: {} };
      const target = createLibvirtTarget(spec, {}, { accelerator: async () => 'tcg' });
      await target.eligible(AbortSignal.timeout(10_000)).then(() => console.log('eligible'), (e) => console.log(JSON.stringify({ code: e.code, message: e.message })));
      process.exit(0);`;
    const asNobody = async (): Promise<string> =>
      (
        await run('setpriv', [
          '--reuid=nobody',
          '--clear-groups',
          process.execPath,
          '--input-type=module-typescript',
          '-e',
          script,
        ])
      ).stdout;
    await chmod(daemon.socketPath, 0o700);
    expect(JSON.parse(await asNobody())).toEqual({
      code: 'libvirt.not_allowed',
      message: expect.stringContaining('nobody'),
    });
    await chmod(daemon.socketPath, 0o777);
    expect(JSON.parse(await asNobody())).toEqual({
      code: 'libvirt.no_permission',
      message: expect.stringContaining(`User nobody cannot write volumes of pool default in ${pool}`),
    });
  });

  test('a restarted daemon is found again by itself', async () => {
    await using target = open();
    await target.eligible(signal());
    process.kill(await daemon.pid(), 'SIGKILL');
    await expect
      .poll(
        () =>
          target.eligible(signal()).then(
            () => 'up',
            () => 'down',
          ),
        { timeout: 10_000 },
      )
      .toBe('up');
  });
});
