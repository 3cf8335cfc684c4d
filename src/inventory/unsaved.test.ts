import { expect, test } from 'vitest';
import { productRules } from '../concerns/rules.ts';
import type { InventoryObject } from '../model/inventory.ts';
import type { FoundInventory } from './api.ts';
import { parseFilter } from './search/parse.ts';
import { aDisk, aVm } from './testing/objects.ts';
import { judged } from './unsaved.ts';

const host: InventoryObject = {
  kind: 'host',
  ref: 'host-1',
  name: 'esx1',
  stableId: null,
  parentRef: null,
  data: { version: '8', cpus: 8, memoryBytes: 0, connection: 'connected', maintenance: true, power: 'on' },
};
const shared = { ...aDisk('[ds] shared.vmdk') };
const found: FoundInventory = {
  product: 'vCenter',
  version: '8',
  systemId: 's',
  objects: [
    host,
    aVm('vm-1', { hostRef: 'host-1', power: 'on', disks: [shared] }),
    aVm('vm-2', { power: 'off', disks: [shared] }),
    aVm('vm-3', { power: 'off', disks: [aDisk('[ds] own.vmdk')] }),
  ],
  unreadable: [],
  truncated: false,
};
const source = { name: 'https://vc', type: 'vsphere' } as const;
const refs = (filter: string): string[] =>
  judged(found, source, productRules, parseFilter(filter)).objects.flatMap(({ kind, ref }) =>
    kind === 'vm' ? ref : [],
  );

test('VMs of a source that is not saved have their concerns, with what is around them', () => {
  const { objects, concerns } = judged(found, source, productRules, parseFilter(''));
  expect(objects).toEqual(found.objects);
  const codes = (ref: string): string[] => (concerns[ref] ?? []).map(({ code }) => code);
  expect(codes('vm-1')).toEqual(expect.arrayContaining(['vmware.host.maintenance', 'vmware.disk.shared.detected']));
  expect(codes('vm-2')).toContain('vmware.disk.shared.detected');
  expect(codes('vm-3')).not.toContain('vmware.disk.shared.detected');
  expect(concerns['vm-1']?.[0]).toMatchObject({ severity: 'critical', text: expect.stringContaining('vm-1') });
});

test('and are found by the language of search, as those of a provider are', () => {
  expect(refs('power = off')).toEqual(['vm-2', 'vm-3']);
  expect(refs('concern = vmware.host.maintenance and provider = "https://vc"')).toEqual(['vm-1']);
  expect(refs('severity = critical')).toEqual(['vm-1']);
  expect(refs('provider.type = libvirt')).toEqual([]);
  expect(judged(found, source, productRules, parseFilter('name = nobody'))).toMatchObject({
    objects: [host],
    concerns: {},
  });
});
