/** VMs and filters by chance, and rows of them in a real database. */
import * as fc from 'fast-check';
import { sql } from 'kysely';
import type { VmObject } from '../../concerns/context.ts';
import type { Db } from '../../db/db.ts';
import { json } from '../../db/db.ts';
import { recordset } from '../../db/recordset.ts';
import type { Concern } from '../../model/concern.ts';
import { newId } from '../../model/ids.ts';
import { emptyVm } from '../../model/empty-vm.ts';
import type { InventoryDisk, InventoryNic, InventoryVm } from '../../model/inventory.ts';
import type { ProviderType } from '../../model/provider.ts';
import { severityOf, vmColumns, vmRow } from '../vm-row.ts';

export const emptyDisk: InventoryDisk = {
  id: '2000',
  name: 'Hard disk 1',
  sizeBytes: 16 * 2 ** 30,
  usedBytes: null,
  bus: 'scsi',
  controller: 0,
  unit: 0,
  storageRef: 'datastore-1',
  storage: 'fast',
  path: '[fast] web/web.vmdk',
  format: 'vmdk',
  mode: 'persistent',
  shared: false,
  rdm: null,
  encrypted: false,
  changeTracking: null,
  backingDepth: 0,
  serial: '',
};

export const emptyNic: InventoryNic = {
  id: '4000',
  mac: '00:50:56:00:00:01',
  networkRef: 'network-1',
  network: 'VM Network',
  model: 'vmxnet3',
  connected: true,
  ips: [],
};

export function vmObject(name: string, data: Partial<InventoryVm> = {}): VmObject {
  return { kind: 'vm', ref: `vm-${name}`, name, stableId: null, parentRef: null, data: { ...emptyVm, ...data } };
}

/** What the texts of random VMs and random filters are made of: few, so that they meet; nasty, so that quoting is tried. */
export const vocabulary = [
  '',
  'web',
  'Web',
  'WEB01',
  'web-02',
  'db',
  'VM Network',
  'a%b',
  'a_b',
  'axb',
  'a*b',
  'a?b',
  'back\\slash',
  '"quoted"',
  "it's",
  'Ärger',
  'ärger',
  'ſ',
  'K',
  '名前',
  '😀',
  'not',
  'and (or)',
  'yes',
  'true',
  '13',
  '1TiB',
  "'; drop table inventory_vm; --",
  '$1',
  'x=y',
  '~',
] as const;

const text = fc.constantFrom(...vocabulary);
const maybe = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(one, { freq: 3 });
const size = fc.constantFrom(0, 1, 2 ** 30, 16 * 2 ** 30, 2 ** 40, 2 ** 40 + 1, 2 ** 52);
const few = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(one, { maxLength: 3 });

const disk = fc.record<InventoryDisk>({
  id: fc.constantFrom('2000', '2001'),
  name: text,
  sizeBytes: maybe(size),
  usedBytes: maybe(size),
  bus: fc.constantFrom('ide', 'scsi', 'virtio'),
  controller: fc.constant(0),
  unit: fc.constant(0),
  storageRef: fc.constant(null),
  storage: maybe(text),
  path: maybe(text),
  format: maybe(fc.constantFrom('vmdk', 'Raw', '')),
  mode: fc.constantFrom('', 'persistent', 'independent_persistent'),
  shared: fc.boolean(),
  rdm: maybe(fc.constantFrom('virtual', 'physical')),
  encrypted: fc.boolean(),
  changeTracking: maybe(fc.boolean()),
  backingDepth: fc.constantFrom(0, 1, 2),
  serial: text,
});

const nic = fc.record<InventoryNic>({
  id: fc.constant('4000'),
  mac: maybe(fc.constantFrom('00:50:56:00:00:01', '00:50:56:AB:00:02')),
  networkRef: fc.constant(null),
  network: maybe(text),
  model: maybe(text),
  connected: fc.boolean(),
  ips: fc.constant([]),
});

export const factNames = ['vmware.cpuHotAdd', 'odd "name" 😀', 'n'] as const;
const fact = fc.oneof(text, fc.boolean(), fc.constantFrom(0, -1.5, 13, 2 ** 40, 1e21), fc.constant(null));

export const someVm: fc.Arbitrary<VmObject> = fc
  .tuple(
    text.filter((name) => name !== ''),
    fc.record<InventoryVm>({
      detail: fc.constantFrom('summary', 'full'),
      power: fc.constantFrom('on', 'off', 'suspended', 'paused', 'unknown'),
      connection: fc.constantFrom('', 'connected', 'orphaned'),
      template: fc.boolean(),
      hostRef: fc.constant(null),
      host: maybe(text),
      clusterRef: fc.constant(null),
      cluster: maybe(text),
      folder: text,
      cpus: fc.constantFrom(0, 1, 2, 13),
      coresPerSocket: fc.constant(1),
      memoryBytes: size,
      origin: fc.constantFrom('vmware', 'kvm', 'unknown'),
      firmware: fc.constantFrom('bios', 'efi', null),
      secureBoot: fc.boolean(),
      os: fc.record({ id: text, name: text }),
      uuid: maybe(text),
      hardwareVersion: fc.constantFrom('', 'vmx-13', 'vmx-07', 'pc-q35-7.2', 'vmx-', 'vmx-13x'),
      description: text,
      tools: fc.constantFrom('running', 'not-running', 'not-installed', 'unknown'),
      hostname: maybe(text),
      ips: few(fc.constantFrom('10.0.0.1', 'fe80::1')),
      changeTracking: maybe(fc.boolean()),
      disks: few(disk),
      nics: few(nic),
      snapshots: few(
        fc.record({
          id: fc.constant('1'),
          name: text,
          description: fc.constant(''),
          createdAt: fc.constant(null),
          parentId: fc.constant(null),
          current: fc.boolean(),
          memory: fc.boolean(),
        }),
      ),
      devices: few(fc.record({ kind: fc.constantFrom('tpm', 'usb', 'cdrom'), type: text, name: text, detail: text })),
      tags: few(text),
      facts: fc.dictionary(fc.constantFrom(...factNames), fact),
    }),
  )
  .map(([name, data]) => vmObject(name, data));

export const someConcerns: fc.Arbitrary<Concern[]> = few(
  fc.record({
    code: fc.constantFrom('vmware.tpm.detected', 'ova.name.invalid'),
    severity: fc.constantFrom('information', 'warning', 'critical'),
    params: fc.constant({}),
  }),
);

export type StoredVm = { readonly id: string; readonly vm: VmObject; readonly concerns: readonly Concern[] };

/** A provider with its system. */
export async function addProvider(db: Db, name: string, type: ProviderType): Promise<{ id: string; systemId: string }> {
  const systemId = newId();
  const id = newId();
  await db.kysely.insertInto('source_system').values({ id: systemId, type, stable_id: systemId }).execute();
  const account = json({ type: 'libvirt', uri: 'test:///default' } as const);
  const row = { id, name, type, account, via: null, system_id: systemId, error: null, last_check: null };
  const watch = { watch_token: newId(), watch_worker: null, created_by: 'test' };
  await db.kysely
    .insertInto('provider')
    .values({ ...row, ...watch })
    .execute();
  return { id, systemId };
}

export async function addVms(db: Db, systemId: string, vms: readonly StoredVm[]): Promise<void> {
  const objects = vms.map(({ id, vm }) => ({
    id,
    system_id: systemId,
    kind: 'vm',
    identity: id,
    ref: id,
    name: vm.name,
    parent_ref: null,
    data: json<unknown>(vm.data),
    snapshot_token: null,
  }));
  const rows = vms.map(({ id, vm, concerns }) => ({
    ...vmRow(vm, { objectId: id, systemId }, { type: 'vsphere' }),
    concerns: [...new Set(concerns.map(({ code }) => code))],
    severity: severityOf(concerns),
    concern_list: concerns,
  }));
  await db.kysely.insertInto('inventory_object').values(objects).execute();
  const given = recordset(vmColumns, rows);
  await sql`insert into inventory_vm (${given.names}) select ${given.values} from ${given.rows}`.execute(db.kysely);
}
