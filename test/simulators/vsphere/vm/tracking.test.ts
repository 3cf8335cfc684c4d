import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { smallInventory, type Small } from '../inventory/small.ts';
import { newVm } from '../inventory/vm.ts';
import { startVsphere, type VsphereSimulator } from '../simulator.ts';
import { all, find, given, Raw, type SoapAnswer } from '../testing/raw.ts';
import { asText, type Ref } from '../values.ts';

const size = 256 * 65_536;
let simulator: VsphereSimulator;
let small: Small;
let raw: Raw;
let vm: Ref;
let count = 0;
beforeAll(async () => {
  simulator = await startVsphere();
  small = smallInventory(simulator.world, 0);
  raw = new Raw(simulator);
  await raw.login();
});
beforeEach(() => {
  count += 1;
  const host = small.hosts[0] ?? { type: '', value: '' };
  const disks = [{ sizeBytes: size }, { sizeBytes: size, mode: 'independent_persistent' }];
  vm = newVm(simulator.world, { name: `cbt-${count}`, folder: small.vmFolder, pool: small.pool, host, disks });
});
afterAll(() => simulator[Symbol.asyncDispose]());

const enable = (): Promise<{ state: string }> =>
  raw.task(vm, 'ReconfigVM_Task', '<spec><changeTrackingEnabled>true</changeTrackingEnabled></spec>');
const snapshot = async (): Promise<Ref> => {
  const { result } = await raw.task(
    vm,
    'CreateSnapshot_Task',
    '<name>s</name><memory>false</memory><quiesce>false</quiesce>',
  );
  return { type: 'VirtualMachineSnapshot', value: result };
};
const remove = (ref: Ref) => raw.task(ref, 'RemoveSnapshot_Task', '<removeChildren>false</removeChildren>');
const changeId = (ref: Ref, key = 2000): string =>
  asText(simulator.world.store.read(ref, `config.hardware.device[${key}].backing.changeId`)) ?? '';
const query = (ref: Ref | null, since: string, start = 0, key = 2000): Promise<SoapAnswer> =>
  raw.call(
    vm,
    'QueryChangedDiskAreas',
    `${ref === null ? '' : given('snapshot', ref)}<deviceKey>${key}</deviceKey><startOffset>${start}</startOffset><changeId>${since}</changeId>`,
  );
const areasOf = (answer: SoapAnswer): Array<[number, number]> =>
  all(answer.returned[0], 'changedArea').map((area) => [
    Number(find(area, 'start')?.text) / 65_536,
    Number(find(area, 'length')?.text) / 65_536,
  ]);
const write = (block: number, blocks = 1): Promise<void> =>
  simulator.world.disks.write(vm, 2000, block * 65_536, randomBytes(blocks * 65_536));

describe('changed block tracking', () => {
  it('is real only from the next stun on', async () => {
    expect(await enable()).toMatchObject({ state: 'success' });
    expect(simulator.world.store.read(vm, 'config.changeTrackingEnabled')).toBe(true);
    expect(changeId(vm)).toBe('');
    expect(await query(null, '*')).toMatchObject({ fault: 'FileFault' });
    const first = await snapshot();
    expect(changeId(first)).toMatch(/^([0-9a-f]{2} ){7}[0-9a-f]{2}-([0-9a-f]{2} ){7}[0-9a-f]{2}\/\d+$/);
    expect(changeId(first, 2001)).toBe('');
    expect(simulator.world.store.read(vm, 'config.extraConfig["scsi0:0.ctkEnabled"].value')).toBe('true');
  });

  it('a round after the other tells exactly what was written between', async () => {
    await enable();
    await write(3, 4);
    await write(200);
    const first = await snapshot();
    expect(areasOf(await query(first, '*'))).toEqual([
      [3, 4],
      [200, 1],
    ]);
    const before = changeId(first);
    await write(5);
    await write(100, 2);
    await remove(first);
    await write(101);
    const second = await snapshot();
    await write(250);
    expect(areasOf(await query(second, before))).toEqual([
      [5, 1],
      [100, 2],
    ]);
    expect(areasOf(await query(second, changeId(second)))).toEqual([]);
    const between = changeId(second);
    await remove(second);
    expect(areasOf(await query(await snapshot(), between))).toEqual([[250, 1]]);
  });

  it('a VM that is off answers without a snapshot', async () => {
    await enable();
    const first = await snapshot();
    const before = changeId(first);
    await remove(first);
    await raw.task(vm, 'PowerOnVM_Task');
    await write(7);
    await raw.task(vm, 'PowerOffVM_Task');
    expect(areasOf(await query(null, before))).toEqual([[7, 1]]);
  });

  it('answers in spans: the next begins where the last one ended, areas or none', async () => {
    await enable();
    for (const block of [0, 2, 4, 130, 255]) await write(block);
    const first = await snapshot();
    simulator.world.settings.areasPerAnswer = 2;
    simulator.world.settings.bytesPerAnswer = 100 * 65_536;
    const spans: number[] = [];
    const blocks: number[] = [];
    for (let start = 0; start < size; ) {
      const answer = await query(first, '*', start);
      const length = Number(find(answer.returned[0], 'length')?.text);
      expect(Number(find(answer.returned[0], 'startOffset')?.text)).toBe(start);
      spans.push(length / 65_536);
      blocks.push(...areasOf(answer).map(([block]) => block));
      start += length;
    }
    simulator.world.settings.areasPerAnswer = 2000;
    simulator.world.settings.bytesPerAnswer = 2 ** 41;
    expect(blocks).toEqual([0, 2, 4, 130, 255]);
    expect(spans).toEqual([4, 100, 100, 52]);
  });

  it('refuses a foreign id, the end of the disk, and what is no disk', async () => {
    await enable();
    const first = await snapshot();
    const foreign = changeId(first).replace(/^../, 'zz');
    expect(await query(first, foreign)).toMatchObject({ fault: 'InvalidArgument' });
    expect((await query(first, foreign)).text).toContain('<invalidProperty>changeId</invalidProperty>');
    expect(await query(first, '*', size)).toMatchObject({ fault: 'InvalidArgument' });
    expect(await query(first, '*', 0, 1000)).toMatchObject({ fault: 'InvalidArgument' });
    expect(await query(first, '*', 0, 2001)).toMatchObject({ fault: 'FileFault' });
  });

  it('begun over a snapshot, everything cannot be told', async () => {
    await snapshot();
    await enable();
    const first = await snapshot();
    expect(changeId(first)).not.toBe('');
    expect(await query(first, '*')).toMatchObject({ fault: 'FileFault' });
    await write(9);
    const since = changeId(first);
    expect(areasOf(await query(await snapshot(), since))).toEqual([[9, 1]]);
  });

  it('switched off and on again, old ids are foreign', async () => {
    await enable();
    const old = changeId(await snapshot());
    await raw.task(vm, 'ReconfigVM_Task', '<spec><changeTrackingEnabled>false</changeTrackingEnabled></spec>');
    await snapshot();
    await enable();
    expect(await query(await snapshot(), old)).toMatchObject({ fault: 'InvalidArgument' });
  });
});
