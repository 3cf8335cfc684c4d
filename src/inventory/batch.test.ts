/** What a worker sends, and what is stored and shown of it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { InventoryVmView, ObjectPage, ProviderTree, TreeNode, UnreadableView } from './api.ts';
import { aDisk, aFolder, aVm } from './testing/objects.ts';
import { gone, type InventoryServer, put, snapshot, startInventoryServer, synced } from './testing/server.ts';

let server: InventoryServer;
let worker: Awaited<ReturnType<InventoryServer['worker']>>;
beforeAll(async () => {
  server = await startInventoryServer();
  worker = await server.worker();
});
afterAll(() => server.close());

type Items<T> = { items: T[] };

/** By ref: the API's order is that of ids, and those of one batch have none among themselves. */
async function vms(id: string): Promise<{ id: string; ref: string; name: string }[]> {
  const { items } = await server.ask<ObjectPage>('GET', `/providers/${id}/objects?kind=vm`);
  return items.toSorted((a, b) => (a.ref < b.ref ? -1 : 1));
}

test('a first read has statistics long before PostgreSQL takes them by itself', async () => {
  const taken = async (): Promise<number> => {
    const { rows } = await server.db.pool.query(`select from pg_stats where tablename = 'inventory_object'`);
    return rows.length;
  };
  expect(await taken()).toBe(0); // nothing was read before: this test stands first
  const { id } = await server.add('measured');
  const watch = await worker.begin(id);
  await watch.send(snapshot('s-measured'), put(aVm('vm-1')));
  for (const ref of ['vm-2', 'vm-3']) expect((await watch.send(put(aVm(ref)))).status).toBe(200);
  expect(await taken()).toBeGreaterThan(0);
  await watch.send(synced);
  expect(await server.provider(id)).toMatchObject({ state: 'following', counts: { vm: 3 } });
});

test('a read is taken batch by batch, what it does not name is gone, what was sent twice counts once', async () => {
  const { id } = await server.add('first');
  const watch = await worker.begin(id);
  expect((await server.provider(id)).state).toBe('connecting');
  await watch.send(snapshot('s-first'), put(aVm('vm-1'), aVm('vm-2')));
  expect(await server.provider(id)).toMatchObject({ state: 'reading', systemId: 's-first', product: 'Test 1.0' });
  expect((await watch.resend(1, put(aVm('vm-9')))).status).toBe(200); // sent again: taken already
  await watch.send(put(aVm('vm-3')), synced);
  expect(await server.provider(id)).toMatchObject({ state: 'following', counts: { vm: 3 } });
  expect((await vms(id)).map(({ ref }) => ref)).toEqual(['vm-1', 'vm-2', 'vm-3']);
  const before = await vms(id);

  await watch.send(snapshot('s-first'), put(aVm('vm-1'), aVm('vm-3')), synced);
  expect(await vms(id)).toEqual(before.filter(({ ref }) => ref !== 'vm-2'));
  await watch.send(put(aVm('vm-2')), gone({ kind: 'vm', ref: 'vm-3' }));
  expect((await vms(id)).map(({ id: object }) => object)).toEqual(before.slice(0, 2).map(({ id: object }) => object));
  expect((await watch.resend(-5, put(aVm('vm-7')))).status).toBe(410); // a gap: something is missing between
});

test('what is renamed while somebody turns pages is on one of them', async () => {
  const { id } = await server.add('pages');
  const watch = await worker.begin(id);
  await watch.send(snapshot('s-pages'), put(...['b', 'c', 'd', 'e'].map((name) => aVm(name, {}, { name }))), synced);
  const page = (after: string) => server.ask<ObjectPage>('GET', `/providers/${id}/objects?kind=vm&limit=2${after}`);
  const first = await page('');
  const later = ['b', 'c', 'd', 'e'].filter((ref) => !first.items.some((one) => one.ref === ref));
  // By name it would stand before all that was shown now.
  await watch.send(put(aVm(later[1] ?? '', {}, { name: 'a' })));
  const second = await page(`&after=${first.next}`);
  expect([...first.items, ...second.items].map(({ ref }) => ref).toSorted()).toEqual(['b', 'c', 'd', 'e']);
  expect(second.items.map(({ name }) => name)).toContain('a');
  expect(second.next).toBeNull();
});

test('a provider that is removed and added again finds the same objects, also one that has another ref now', async () => {
  const { id } = await server.add('again');
  const watch = await worker.begin(id);
  const objects = [
    aVm('vm-1', {}, { stableId: 'uuid-1' }),
    aVm('vm-2', {}, { stableId: 'uuid-2' }),
    aFolder('group-1'),
  ];
  await watch.send(snapshot('s-again'), put(...objects), synced);
  const before = await vms(id);
  expect((await server.app.ask('DELETE', `/api/v1/providers/${id}`)).status).toBe(204);
  expect((await watch.send(put(aVm('vm-3')))).status).toBe(410);
  expect((await server.app.ask('GET', `/api/v1/providers/${id}/objects?kind=vm`)).status).toBe(404);
  const kept = await server.ask<InventoryVmView>('GET', `/inventory/vms/${before[0]?.id}`);
  expect(kept).toMatchObject({ provider: null, name: 'vm-1' });

  const added = await server.add('again');
  const anew = await worker.begin(added.id);
  await anew.send(snapshot('s-again'), put(aVm('vm-77', {}, { stableId: 'uuid-1' }), objects[1] ?? {}), synced);
  const after = await vms(added.id);
  expect(after.map((vm) => vm.id).toSorted()).toEqual(before.map((vm) => vm.id).toSorted());
  expect(after.find(({ ref }) => ref === 'vm-77')?.id).toBe(before[0]?.id);
  expect((await server.provider(added.id)).counts).toMatchObject({ vm: 2, folder: 0 });
});

test('two objects with one stable id are two, each the same at every read', async () => {
  const { id } = await server.add('twins');
  const watch = await worker.begin(id);
  const twins = [aVm('vm-1', {}, { stableId: 'same' }), aVm('vm-2', {}, { stableId: 'same' })];
  await watch.send(snapshot('s-twins'), put(...twins), synced);
  const before = await vms(id);
  expect(before).toHaveLength(2);
  await watch.send(snapshot('s-twins'), put(...twins.toReversed()), synced);
  expect(await vms(id)).toEqual(before);
});

test('two providers of one system: the second is stopped, and says which is the first', async () => {
  const one = await server.add('same one');
  const first = await worker.begin(one.id);
  await first.send(snapshot('s-same'), put(aVm('vm-1')), synced);
  const two = await server.add('same two');
  const second = await worker.begin(two.id);
  const refused = await second.send(snapshot('s-same'));
  expect(refused).toMatchObject({ status: 409, body: { code: 'provider.same_system', params: { other: 'same one' } } });
  const { code, params } = refused.body as { code: string; params: object };
  await second.watching('stopped', { code, params, causes: [] });
  expect(await server.provider(two.id)).toMatchObject({ state: 'stopped', error: { code: 'provider.same_system' } });
  expect((await worker.watches()).map(({ providerId }) => providerId)).not.toContain(two.id);
  expect((await second.send(put(aVm('vm-2')))).status).toBe(410);
  expect(await server.provider(one.id)).toMatchObject({ state: 'following', counts: { vm: 1 } });
});

test('a summary of a new read does not take away what is known in full; afterwards it does', async () => {
  const { id } = await server.add('details');
  const watch = await worker.begin(id);
  const full = aVm('vm-1', { power: 'on', disks: [aDisk('[ds] a.vmdk')], memoryBytes: 2048 });
  await watch.send(snapshot('s-details'), put(full), synced);
  await watch.send(snapshot('s-details'), put(aVm('vm-1', { detail: 'summary', power: 'off' })));
  const vm = (await vms(id))[0]?.id ?? '';
  const view = await server.ask<InventoryVmView>('GET', `/inventory/vms/${vm}`);
  expect(view.vm).toMatchObject({ detail: 'full', power: 'off', memoryBytes: 2048, disks: [{ name: '[ds] a.vmdk' }] });
  await watch.send(synced, put(aVm('vm-1', { detail: 'summary', power: 'on' })));
  const { rows } = await server.db.pool.query('select disk_count from inventory_vm where object_id = $1', [vm]);
  expect(rows).toEqual([{ disk_count: 0 }]);
});

test('the tree has each node below its parent, with the VMs that are in it; circles and orphans stand at the top', async () => {
  const { id } = await server.add('tree');
  const watch = await worker.begin(id);
  const objects = [
    aFolder('dc', null, 'datacenter'),
    aFolder('f1', 'dc'),
    aFolder('f2', 'f1'),
    aFolder('lost', 'nowhere'),
    aFolder('c1', 'c2'),
    aFolder('c2', 'c1'),
    aVm('vm-1', {}, { parentRef: 'f2' }),
    aVm('vm-2', {}, { parentRef: 'f2' }),
  ];
  await watch.send(snapshot('s-tree'), put(...objects), synced);
  const { items } = await server.ask<Items<TreeNode> & typeof ProviderTree>('GET', `/providers/${id}/tree`);
  const idOf = (ref: string): string | undefined => items.find((node) => node.ref === ref)?.id;
  const parents = Object.fromEntries(items.map(({ ref, parentId }) => [ref, parentId]));
  expect(parents).toMatchObject({ dc: null, f1: idOf('dc'), f2: idOf('f1'), lost: null });
  expect([parents['c1'], parents['c2']]).toContain(null);
  expect(items).toHaveLength(6);
  expect(items.find(({ ref }) => ref === 'f2')?.vms).toBe(2);
});

test('names with every character are stored as they are; what cannot be read is listed until it can', async () => {
  const { id } = await server.add('names');
  const watch = await worker.begin(id);
  const name = `a%2fb "quoted" 'q' \\ / 🚢 \u202e ${'x'.repeat(3_000)}`;
  const broken = {
    ref: '/store/b.ova',
    name: 'b.ova',
    code: 'source.not_found',
    params: { path: 'b' },
    causes: ['no'],
  };
  await watch.send(
    snapshot('s-names'),
    put(aVm('vm-1', { disks: [aDisk('p'.repeat(4_000))] }, { name }), aVm('r'.repeat(4_000))),
    { kind: 'unreadable', objects: [broken] },
    synced,
  );
  expect((await vms(id)).map((vm) => vm.name)).toEqual([name]);
  const listed = (await server.ask<Items<UnreadableView>>('GET', `/providers/${id}/unreadable`)).items;
  expect(listed.map(({ error }) => error.code).toSorted()).toEqual(['provider.too_large', 'source.not_found']);
  await watch.send(put(aVm('/store/b.ova')));
  expect((await server.provider(id)).unreadable).toBe(1);
});

test('changes are announced, at most once a second for each provider', async () => {
  const { id } = await server.add('announced');
  const watch = await worker.begin(id);
  const count = (): number => server.published.filter((one) => one === id).length;
  const begun = performance.now();
  const before = count();
  for (let n = 0; n < 20; n += 1) await watch.send(snapshot('s-announced'), put(aVm(`vm-${n}`)));
  const most = 2 + (performance.now() - begun) / 1_000;
  expect(count() - before).toBeLessThanOrEqual(most);
  await expect.poll(() => count(), { timeout: 5_000 }).toBeGreaterThan(before);
});

test('what is too long to be stored is listed, each by itself, and takes nothing else with it', async () => {
  const { id } = await server.add('long paths');
  const watch = await worker.begin(id);
  const long = ['one', 'two'].map((end) => aVm(`/srv/${'x'.repeat(1_300)}/${end}.ova`));
  const sent = await watch.send(snapshot('s-long'), put(aVm('short'), ...long), synced);
  expect([sent.status, sent.body]).toEqual([200, {}]);
  const { items } = await server.ask<{ items: { error: { code: string } }[] }>('GET', `/providers/${id}/unreadable`);
  expect(items.map(({ error }) => error.code)).toEqual(['provider.too_large', 'provider.too_large']);
  expect(await server.provider(id)).toMatchObject({ state: 'following', counts: { vm: 1 }, unreadable: 2 });
});
