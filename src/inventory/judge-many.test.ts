/** More VMs than are looked up one by one. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../db/testing.ts';
import { newId } from '../model/ids.ts';
import { findAffected, findChanges } from './concern-store.ts';
import { addProvider, addVms, emptyDisk, vmObject } from './search/testing.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

test('of many changed VMs those that share a disk are found, and no other', async () => {
  const { db } = database;
  const { systemId } = await addProvider(db, 'many', 'vsphere');
  const vms = Array.from({ length: 250 }, (_, n) => {
    const disk = { ...emptyDisk, path: n < 2 ? '[ds] shared.vmdk' : `[ds] ${n}.vmdk` };
    return { id: newId(), vm: vmObject(`vm-${n}`, { disks: [disk] }), concerns: [] };
  });
  await addVms(db, systemId, vms);
  const changes = await findChanges(db.kysely, new Date(0).toISOString());
  expect(changes.filter(({ isVm }) => isVm)).toHaveLength(250);
  const shared = vms.slice(0, 2).map(({ id }) => id);
  expect((await findAffected(db.kysely, changes)).sort()).toEqual([...shared].sort());
});
