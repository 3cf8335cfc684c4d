import { execFile } from 'node:child_process';
import { promises } from 'node:fs';
import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { newId } from '../../model/ids.ts';
import type { ImageTools } from '../../transfer/disk.ts';
import { openVolume } from '../../transfer/nbd/volume.ts';
import { mib, testDisk, testGuest, testVm } from '../domain/test-vm.ts';
import { findXml, parseXml } from '../domain/xml.ts';
import type { Mark, TargetDisk, TargetVm } from '../provider.ts';
import { isFresh } from '../local/fresh.ts';
import { fileBase, partialName, publish, settle, withdraw } from '../local/partial.ts';
import { createFilesTarget } from './target.ts';

const run = promisify(execFile);
const signal = (): AbortSignal => AbortSignal.timeout(60_000);
const refused = (): Promise<never> => Promise.reject(new Error('a target has no stored images'));
const tools: ImageTools = { inspect: refused, openStored: refused, openVolume };

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-files-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function open(format: 'raw' | 'qcow2' = 'qcow2', path = directory): ReturnType<typeof createFilesTarget> {
  return createFilesTarget({ type: 'files', directory: path, format, networks: { '*': 'br0' } }, tools);
}

describe('partial files', () => {
  test('any name becomes one safe file name that fits with its mark', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (name) => {
        const file = partialName(`${fileBase(name)}-disk63.qcow2`, newId());
        expect(Buffer.byteLength(file)).toBeLessThanOrEqual(255);
        expect(/[/\p{Cc}]|^[.-]/u.test(file)).toBe(false);
      }),
    );
    expect(fileBase('Wörter 01')).toBe('Wörter 01');
    expect(fileBase('../../etc/passwd')).toBe('_._.._etc_passwd');
  });

  test('publishing never overwrites, and can be taken back until it is settled', async () => {
    const [partial, final, other] = ['p', 'f', 'o'].map((name) => join(directory, name)) as [string, string, string];
    await writeFile(partial, 'ours');
    await writeFile(other, 'theirs');
    expect(await publish(partial, other)).toBe('taken');
    expect(await readFile(other, 'utf8')).toBe('theirs');
    expect(await publish(partial, final)).toBe('published');
    expect(await publish(partial, final)).toBe('published');
    await withdraw(partial, final);
    await withdraw(partial, final);
    expect(await readdir(directory)).toEqual(['o']);
    await writeFile(partial, 'ours');
    await settle(partial, final);
    expect(await readdir(directory)).toEqual(['o', 'p']);
    await publish(partial, final);
    await settle(partial, final);
    await settle(partial, final);
    await withdraw(partial, final);
    expect(await readdir(directory)).toEqual(['f', 'o']);
  });

  test('an image is fresh until the first byte is written', async () => {
    for (const format of ['raw', 'qcow2'] as const) {
      for (const sizeBytes of [mib, 3 * 1024 * mib, 20 * 1024 * 1024 * mib]) {
        const path = join(directory, `${format}-${sizeBytes}`);
        if (format === 'qcow2') await run('qemu-img', ['create', '-q', '-f', format, path, String(sizeBytes)]);
        else if (sizeBytes > 4 * 1024 * mib)
          continue; // more than this file system takes
        else await writeFile(path, '').then(() => truncate(path, sizeBytes));
        expect([format, sizeBytes, await isFresh(path, { format, sizeBytes })]).toEqual([format, sizeBytes, true]);
        await run('qemu-io', ['-f', format, '-c', 'write -P 7 64k 512', path]);
        expect([format, sizeBytes, await isFresh(path, { format, sizeBytes })]).toEqual([format, sizeBytes, false]);
      }
    }
  });
});

describe('files target', () => {
  const vm = testVm({ disks: [testDisk(), testDisk({ id: 'disk1', sizeBytes: 4 * mib })] });

  async function make(target: ReturnType<typeof open>, mark: Mark): Promise<{ disks: TargetDisk[]; vm: TargetVm }> {
    const disks: TargetDisk[] = [];
    for (const [index, disk] of vm.disks.entries()) {
      const request = { mark, vm, targetName: 'web01', diskId: disk.id, index, sizeBytes: disk.sizeBytes ?? 0 };
      disks.push(await target.createDisk(await target.planDisk(request, signal()), request, signal()));
    }
    const request = { mark, vm, targetName: 'web01', guest: testGuest(), disks };
    return { disks, vm: await target.createVm(await target.planVm(request, signal()), request, signal()) };
  }

  test.each(['qcow2', 'raw'] as const)(
    'a %s disk holds what was written, under its final name in the end',
    async (format) => {
      await using target = open(format);
      await target.eligible(signal());
      const mark = { targetCopyId: newId() };
      const request = { mark, vm, targetName: 'web01', diskId: 'disk0', index: 0, sizeBytes: 8 * mib };
      const disk = await target.createDisk(await target.planDisk(request, signal()), request, signal());
      const data = Buffer.alloc(mib, 'wherry');
      const writer = await target.openDisk(disk, { readOnly: false, directory }, signal());
      expect(writer.startsZeroed).toBe(true);
      await writer.write(5 * mib, data, signal());
      await writer.flush(signal());
      await writer.close();
      expect(await readdir(directory)).toEqual([`web01-disk0.${format}.${mark.targetCopyId}.partial`]);
      const made = await make(target, mark); // adopts disk0
      expect(await make(target, mark)).toEqual(made);
      for (let i = 0; i < 2; i += 1) await target.finalize?.(mark, made, { gone: false }, signal());
      expect(await readdir(directory)).toEqual([`web01-disk0.${format}`, `web01-disk1.${format}`, 'web01.xml']);
      const check = await run('qemu-img', [
        'info',
        '-f',
        format,
        '--output=json',
        join(directory, `web01-disk0.${format}`),
      ]);
      expect(JSON.parse(check.stdout)).toMatchObject({ 'virtual-size': 8 * mib, format });
      const raw = join(directory, 'check.raw');
      await run('qemu-img', ['convert', '-f', format, '-O', 'raw', join(directory, `web01-disk0.${format}`), raw]);
      expect((await readFile(raw)).subarray(5 * mib, 6 * mib).equals(data)).toBe(true);
      const xml = parseXml(await readFile(join(directory, 'web01.xml'), 'utf8'));
      expect(findXml(xml, 'devices', 'disk', 'source')?.attributes['file']).toBe(
        join(directory, `web01-disk0.${format}`),
      );
      expect(findXml(xml, 'metadata', 'wherry:vm')).toBeUndefined();
      expect(target.power).toBeUndefined();
    },
  );

  test('a directory that is away is not taken for one whose files were handed over, nor for an empty one', async () => {
    const path = join(directory, 'out');
    await mkdir(path);
    await using target = open('raw', path);
    const mark = { targetCopyId: newId() };
    const made = await make(target, mark);
    const finalize = (gone = false) => target.finalize?.(mark, made, { gone }, signal());
    const disk = made.disks[0] as TargetDisk;
    const isRefused = async (code: string): Promise<void> => {
      await expect(finalize()).rejects.toMatchObject({ code, passing: true, params: { path, vm: 'web01' } });
      await expect(target.removeVm(mark, made.vm, signal())).rejects.toMatchObject({ code, passing: true });
      await expect(target.removeDisk(mark, disk, signal())).rejects.toMatchObject({ code, passing: true });
      await expect(target.concealDisk?.(disk, signal())).rejects.toMatchObject({ code, passing: true });
    };
    await rename(path, `${path}.away`);
    await isRefused('files.directory_gone');
    await writeFile(path, 'in its place');
    await isRefused('files.directory_gone');
    await rm(path);
    await mkdir(path); // as an empty mount point
    await isRefused('files.directory_other');
    expect(await finalize(true)).toEqual({ vm: true, diskIds: ['disk0', 'disk1'] });
    await rm(path, { recursive: true });
    await rename(`${path}.away`, path);
    expect((await readdir(path)).filter((name) => name.endsWith('.partial'))).toHaveLength(3);
    expect(await finalize()).toEqual({ vm: false, diskIds: [] });
    expect(await readdir(path)).toEqual(['web01-disk0.raw', 'web01-disk1.raw', 'web01.xml']);
    // What its owner has removed since is no reason to fail, and is not said to be there.
    await rm(join(path, 'web01.xml'));
    expect(await finalize()).toEqual({ vm: true, diskIds: [] });
  });

  test('a mount that is lost just before a file is taken away does not count as taking it away', async () => {
    const path = join(directory, 'out');
    await mkdir(path);
    await using target = open('raw', path);
    const mark = { targetCopyId: newId() };
    const made = await make(target, mark);
    const before = (await readdir(path)).toSorted();
    const { unlink } = promises;
    const setUnlink = (next: typeof unlink): void => {
      promises.unlink = next;
      syncBuiltinESMExports();
    };
    onTestFinished(() => setUnlink(unlink));
    const removals = [
      () => target.removeVm(mark, made.vm, signal()),
      () => target.removeDisk(mark, made.disks[0] as TargetDisk, signal()),
    ];
    for (const remove of removals) {
      setUnlink(async (file) => {
        setUnlink(unlink);
        await rename(path, `${path}.away`);
        await mkdir(path); // an empty mount point
        await unlink(file);
      });
      await expect(remove()).rejects.toMatchObject({ code: 'files.directory_other', passing: true });
      await rm(path, { recursive: true });
      await rename(`${path}.away`, path);
      expect((await readdir(path)).toSorted()).toEqual(before);
    }
    for (const remove of removals) await remove(); // control
    expect((await readdir(path)).length).toBe(before.length - 4);
  });

  test('files that carry our mark are ours in whatever directory they are found', async () => {
    const path = join(directory, 'out');
    await mkdir(path);
    await using target = open('raw', path);
    const mark = { targetCopyId: newId() };
    const made = await make(target, mark);
    await mkdir(join(directory, 'other'));
    for (const name of await readdir(path)) await rename(join(path, name), join(directory, 'other', name));
    await rm(path, { recursive: true });
    await rename(join(directory, 'other'), path);
    await target.removeVm(mark, made.vm, signal());
    for (const disk of made.disks) await target.removeDisk(mark, disk, signal());
    expect(await readdir(path)).toEqual([]);
  });

  test('undoing leaves nothing, at whatever point it was cut off', async () => {
    await using target = open();
    const mark = { targetCopyId: newId() };
    const made = await make(target, mark);
    await writeFile(join(directory, `${made.vm.ref['partial'] ?? ''}.new`), 'cut off');
    for (let i = 0; i < 2; i += 1) {
      await target.removeVm(mark, made.vm, signal());
      for (const disk of made.disks) await target.removeDisk(mark, disk, signal());
    }
    expect(await readdir(directory)).toEqual([]);
  });

  test('what is there already is a concern, refused, and left alone', async () => {
    await using target = open();
    const mark = { targetCopyId: newId() };
    await writeFile(join(directory, 'web01-disk1.qcow2'), 'theirs');
    const concerns = await target.concerns({ mark, vm, targetName: 'web01' }, signal());
    const path = join(directory, 'web01-disk1.qcow2');
    expect(concerns).toEqual([{ code: 'files.exists', severity: 'critical', params: { path } }]);
    await expect(make(target, mark)).rejects.toMatchObject({ code: 'files.exists', params: { path } });
    const request = { mark, vm, targetName: 'web01', sizeBytes: 1 };
    for (const index of [0, 1]) {
      const planned = await target.planDisk({ ...request, diskId: `disk${index}`, index }, signal());
      await target.removeDisk(mark, planned, signal());
    }
    expect(await readdir(directory)).toEqual(['web01-disk1.qcow2']);
    expect(await readFile(path, 'utf8')).toBe('theirs');
  });

  test('another target copy cannot take our files away, nor a reference lead out of the directory', async () => {
    await using target = open();
    const mark = { targetCopyId: newId() };
    const made = await make(target, mark);
    const [disk] = made.disks;
    if (disk === undefined) throw new Error('no disk');
    await expect(target.removeDisk({ targetCopyId: newId() }, disk, signal())).rejects.toMatchObject({
      code: 'files.exists',
    });
    const outside = { ...disk, ref: { ...disk.ref, name: '../x', partial: partialName('../x', mark.targetCopyId) } };
    await expect(target.removeDisk(mark, outside, signal())).rejects.toMatchObject({ code: 'internal' });
    expect((await readdir(directory)).length).toBe(6);
  });

  test('a file that was cut off while it was made is made anew', async () => {
    await using target = open();
    const mark = { targetCopyId: newId() };
    const request = { mark, vm, targetName: 'web01', diskId: 'disk0', index: 0, sizeBytes: 8 * mib };
    const planned = await target.planDisk(request, signal());
    const path = join(directory, planned.ref['partial'] ?? '');
    await writeFile(path, 'QFI\xfb');
    await link(path, join(directory, 'web01-disk0.qcow2'));
    await target.createDisk(planned, request, signal());
    expect((await stat(path)).size).toBeGreaterThan(100_000);
    expect(await readdir(directory)).toEqual([planned.ref['partial']]);
  });

  test('no directory, no room and no permission are each said plainly', async () => {
    const mark = { targetCopyId: newId() };
    await using absent = open('raw', join(directory, 'none'));
    await expect(absent.eligible(signal())).rejects.toMatchObject({ code: 'files.directory_missing' });
    const big = testVm({ disks: [testDisk({ sizeBytes: 2 ** 50 })] });
    await using target = open('raw');
    expect(await target.concerns({ mark, vm: big, targetName: 'web01' }, signal())).toMatchObject([
      { code: 'files.no_space', severity: 'critical', params: { neededGiB: 2 ** 20 } },
    ]);
    await using sparse = open('qcow2');
    expect(await sparse.concerns({ mark, vm: big, targetName: 'web01' }, signal())).toMatchObject([
      { code: 'files.may_outgrow_space', severity: 'warning' },
    ]);
  });

  test.skipIf(process.getuid?.() !== 0)('a user who may not write there is named', async () => {
    await mkdir(join(directory, 'locked'));
    await chmod(directory, 0o755);
    const script = `
      import { createFilesTarget } from ${JSON.stringify(join(import.meta.dirname, 'target.ts'))};
      const target = createFilesTarget({ type: 'files', directory: ${JSON.stringify(join(directory, 'locked'))}, format: 'raw', networks: {} }, {});
      await target.eligible(AbortSignal.timeout(10_000)).then(() => console.log('eligible'), (e) => console.log(e.code + ' ' + e.message));`;
    const node = [process.execPath, '--input-type=module-typescript', '-e', script];
    const asNobody = async (): Promise<string> =>
      (await run('setpriv', ['--reuid=nobody', '--clear-groups', ...node])).stdout.trim();
    expect(await asNobody()).toBe(`files.no_permission User nobody cannot write in ${join(directory, 'locked')}`);
    await chmod(join(directory, 'locked'), 0o777);
    expect(await asNobody()).toBe('eligible');
  });
});
