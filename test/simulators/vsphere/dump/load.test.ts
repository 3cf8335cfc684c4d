import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dumpedProduct, loadDump } from './load.ts';
import { startVsphere } from '../simulator.ts';
import { all, filterOf, find, overView, Raw } from '../testing/raw.ts';
import { disksOf, fileOf } from '../vm/vm.ts';

const directory = join(import.meta.dirname, 'fixtures/vcsim');

describe('a dump of govc object.save', () => {
  it('is played back: its VMs are listed with their hardware', async () => {
    const product = await dumpedProduct(directory);
    expect(product).toEqual({ kind: 'vcenter', version: '6.5' });
    await using simulator = await startVsphere(product);
    await loadDump(simulator.world, directory);
    const raw = new Raw(simulator);
    await raw.login();
    const parameters =
      '<container type="Folder">group-d1</container><type>VirtualMachine</type><recursive>true</recursive>';
    const made = await raw.call({ type: 'ViewManager', value: 'ViewManager' }, 'CreateContainerView', parameters);
    const view = { type: 'ContainerView', value: made.returned[0]?.text ?? '' };
    const filter = filterOf('VirtualMachine', ['name', 'config.hardware.device', 'runtime'], view, overView);
    const answer = await raw.call(raw.collector(), 'RetrievePropertiesEx', `<specSet>${filter}</specSet><options/>`);
    const objects = all(answer.returned[0], 'objects');
    const names = objects.map((object) => find(object, 'propSet', 'val')?.text ?? '').sort();
    expect(names).toEqual(['DC0_C0_RP0_VM0', 'DC0_C0_RP0_VM1', 'DC0_H0_VM0', 'DC0_H0_VM1']);
    expect(answer.text).toContain('<VirtualDevice xsi:type="VirtualDisk">');
    expect(answer.text).toContain('<val xsi:type="VirtualMachineRuntimeInfo">');
    const content = await raw.call({ type: 'ServiceInstance', value: 'ServiceInstance' }, 'RetrieveServiceContent');
    expect(content.text).toContain('<build>5973321</build>');
    const [vm] = simulator.world.store.ofType('VirtualMachine');
    const [disk] = vm === undefined ? [] : disksOf(simulator.world.store, vm.ref);
    expect(simulator.world.disks.layerAt(disk === undefined ? '' : fileOf(disk))?.sizeBytes).toBeGreaterThan(0);
  });

  it('what is no dump is refused by its name', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'wherry-dump-'));
    try {
      await writeFile(join(empty, '0000-odd.xml'), '<Something/>');
      await using simulator = await startVsphere();
      await expect(loadDump(simulator.world, empty)).rejects.toThrow('0000-odd.xml holds no managed object');
    } finally {
      await rm(empty, { recursive: true, force: true });
    }
  });
});
