import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../../../src/transfer/vmdk/test-images.ts';
import { smallInventory, type Small } from '../inventory/small.ts';
import { newVm } from '../inventory/vm.ts';
import { startVsphere, type VsphereSimulator } from '../simulator.ts';
import { find, http, Raw, patience } from '../testing/raw.ts';
import { asData, asList, asText, isData, type Ref } from '../values.ts';

const size = 9 * 1024 * 1024 + 512;
let simulator: VsphereSimulator;
let small: Small;
let raw: Raw;
let vm: Ref;
let content: Buffer;
const flat = '/folder/disky/disky-flat.vmdk?dcPath=DC0&dsName=datastore1';
const cookie = (): Record<string, string> => ({ cookie: raw.cookie ?? '' });
beforeAll(async () => {
  simulator = await startVsphere();
  small = smallInventory(simulator.world, 0);
  raw = new Raw(simulator);
  await raw.login();
  const host = small.hosts[0] ?? { type: '', value: '' };
  const options = { name: 'disky', folder: small.vmFolder, pool: small.pool, host, disks: [{ sizeBytes: size }] };
  vm = newVm(simulator.world, options);
  content = Buffer.alloc(size);
  for (const [at, length] of [
    [0, 70_000],
    [3_000_000, 5],
    [size - 600, 600],
  ] as const) {
    const data = randomBytes(length);
    data.copy(content, at);
    await simulator.world.disks.write(vm, 2000, at, data);
  }
});
afterAll(() => simulator[Symbol.asyncDispose]());

const lease = async (entity: Ref, method: string): Promise<Ref> => {
  const answer = await raw.call(entity, method);
  const ref = { type: 'HttpNfcLease', value: answer.returned[0]?.text ?? '' };
  await expect.poll(() => simulator.world.store.read(ref, 'state'), patience).toBe('ready');
  return ref;
};
const urlOf = (ref: Ref): string => {
  const url = asList(simulator.world.store.read(ref, 'info.deviceUrl')).filter(isData)[0];
  return new URL(asText(url?.['url']) ?? '').pathname;
};

describe('/folder', () => {
  it('gives files and ranges of them, to who may have them', async () => {
    expect((await http(simulator, flat)).status).toBe(401);
    const whole = await http(simulator, flat, { headers: cookie() });
    expect(whole.status).toBe(200);
    expect(whole.body.equals(content)).toBe(true);
    const part = await http(simulator, flat, { headers: { ...cookie(), range: 'bytes=2999999-3000009' } });
    expect(part.status).toBe(206);
    expect(part.headers['content-range']).toBe(`bytes 2999999-3000009/${size}`);
    expect(part.body.equals(content.subarray(2_999_999, 3_000_010))).toBe(true);
    const head = await http(simulator, flat, { method: 'HEAD', headers: cookie() });
    expect([head.headers['content-length'], head.body.length]).toEqual([String(size), 0]);
    const beyond = await http(simulator, flat, { headers: { ...cookie(), range: `bytes=${size}-` } });
    expect(beyond.status).toBe(416);
    const basic = Buffer.from(`${simulator.username}:${simulator.password}`).toString('base64');
    const byName = await http(simulator, flat, { method: 'HEAD', headers: { authorization: `Basic ${basic}` } });
    expect(byName.status).toBe(200);
    const wrong = Buffer.from(`${simulator.username}:nothing`).toString('base64');
    expect((await http(simulator, flat, { headers: { authorization: `Basic ${wrong}` } })).status).toBe(401);
    const text = await http(simulator, flat.replace('-flat', ''), { headers: cookie() });
    expect(text.body.toString()).toContain('VMFS "disky-flat.vmdk"');
    expect((await http(simulator, flat.replace('DC0', 'DC9'), { headers: cookie() })).status).toBe(404);
    expect((await http(simulator, flat.replace('disky-flat', 'other'), { headers: cookie() })).status).toBe(404);
  });

  it('a ticket opens one file once', async () => {
    const url = `${simulator.url}${flat}`.replace('&', '&amp;');
    const spec = `<spec xsi:type="SessionManagerHttpServiceRequestSpec"><method>httpGet</method><url>${url}</url></spec>`;
    const manager = { type: 'SessionManager', value: 'SessionManager' };
    const answer = await raw.call(manager, 'AcquireGenericServiceTicket', spec);
    const headers = { cookie: `vmware_cgi_ticket=${find(answer.returned[0], 'id')?.text}`, range: 'bytes=0-9' };
    expect((await http(simulator, flat, { headers })).status).toBe(206);
    expect((await http(simulator, flat, { headers })).status).toBe(401);
  });

  it('the file of a running VM is locked until a snapshot frees it', async () => {
    await raw.task(vm, 'PowerOnVM_Task');
    expect((await http(simulator, flat, { headers: cookie() })).status).toBe(500);
    const named = '<name>s</name><memory>false</memory><quiesce>false</quiesce>';
    const { result } = await raw.task(vm, 'CreateSnapshot_Task', named);
    await simulator.world.disks.write(vm, 2000, 0, randomBytes(1000));
    const frozen = await http(simulator, flat, { headers: cookie() });
    expect(frozen.body.equals(content)).toBe(true);
    const delta = flat.replace('disky-flat', 'disky-000001-flat');
    expect((await http(simulator, delta, { headers: cookie() })).status).toBe(404);
    const snapshot = { type: 'VirtualMachineSnapshot', value: result };
    await raw.task(snapshot, 'RevertToSnapshot_Task');
    await raw.task(snapshot, 'RemoveSnapshot_Task', '<removeChildren>false</removeChildren>');
    await raw.task(vm, 'PowerOffVM_Task');
  });
});

describe('exports', () => {
  it('give a streamOptimized VMDK whose content is the disk’s', async () => {
    const off = newVm(simulator.world, {
      name: 'exported',
      folder: small.vmFolder,
      pool: small.pool,
      host: small.hosts[0] ?? vm,
      disks: [{ sizeBytes: size }],
    });
    await simulator.world.disks.write(off, 2000, 0, content);
    const ref = await lease(off, 'ExportVm');
    expect(await raw.call(off, 'PowerOnVM_Task')).toMatchObject({ fault: 'TaskInProgress' });
    const image = await http(simulator, urlOf(ref));
    expect(image.body.subarray(0, 4).toString()).toBe('KDMV');
    const directory = await mkdtemp(join(tmpdir(), 'wherry-export-'));
    try {
      const [vmdk, plain] = [join(directory, 'disk.vmdk'), join(directory, 'disk.raw')];
      await writeFile(vmdk, image.body);
      await run('qemu-img', ['convert', '-f', 'vmdk', '-O', 'raw', vmdk, plain]);
      expect((await readFile(plain)).equals(content)).toBe(true);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
    expect((await raw.call(ref, 'HttpNfcLeaseProgress', '<percent>100</percent>')).status).toBe(200);
    expect(await raw.call(ref, 'HttpNfcLeaseProgress', '<percent>101</percent>')).toMatchObject({
      fault: 'InvalidArgument',
    });
    expect((await raw.call(ref, 'HttpNfcLeaseComplete')).status).toBe(200);
    expect(simulator.world.store.read(ref, 'state')).toBe('done');
    expect((await http(simulator, urlOf(ref))).status).toBe(404);
    expect(await raw.task(off, 'PowerOnVM_Task')).toMatchObject({ state: 'success' });
    expect(await raw.call(off, 'ExportVm')).toMatchObject({ fault: 'InvalidPowerState' });
    const named = '<name>s</name><memory>false</memory><quiesce>false</quiesce>';
    const { result } = await raw.task(off, 'CreateSnapshot_Task', named);
    const ofSnapshot = await lease({ type: 'VirtualMachineSnapshot', value: result }, 'ExportSnapshot');
    expect((await http(simulator, urlOf(ofSnapshot))).body.equals(image.body)).toBe(true);
    expect((await raw.call(ofSnapshot, 'HttpNfcLeaseAbort')).status).toBe(200);
  });

  it('a lease that nobody keeps runs out', async () => {
    const off = newVm(simulator.world, {
      name: 'kept',
      folder: small.vmFolder,
      pool: small.pool,
      host: small.hosts[0] ?? vm,
    });
    const ref = await lease(off, 'ExportVm');
    simulator.world.settings.leaseTimeoutSeconds = 0.05;
    expect((await raw.call(ref, 'HttpNfcLeaseProgress', '<percent>1</percent>')).status).toBe(200);
    simulator.world.settings.leaseTimeoutSeconds = 300;
    await expect.poll(() => simulator.world.store.read(ref, 'state'), patience).toBe('error');
    expect(asData(simulator.world.store.read(ref, 'error.fault'))?._type).toBe('Timedout');
    expect(await raw.call(ref, 'HttpNfcLeaseProgress', '<percent>1</percent>')).toMatchObject({
      fault: 'InvalidState',
    });
  });
});
