import { expect, test } from 'vitest';
import { emptyVm } from '../model/empty-vm.ts';
import type { InventoryObject, InventoryVm } from '../model/inventory.ts';
import type { InventoryNews } from '../providers/provider.ts';
import { retryInMs } from './back-off.ts';
import { createBatcher, maxBatchBytes, maxBatchObjects } from './batches.ts';
import { firstInventory } from './calls.ts';
import { scrubbed } from './scrub.ts';
import { forward } from './watch-child.ts';

const snapshot: InventoryNews = { kind: 'snapshot', product: 'p', version: '1', systemId: 's' };
const synced: InventoryNews = { kind: 'synced' };
const vm = (ref: string, description = '', more: Partial<InventoryVm> = {}): InventoryObject => ({
  kind: 'vm',
  ref,
  name: ref,
  stableId: null,
  parentRef: null,
  data: { ...emptyVm, description, ...more },
});

async function* told(...news: InventoryNews[]): AsyncGenerator<InventoryNews> {
  for (const one of news) yield one;
}

test('all news arrive in order, in batches of bounded size, two at a time', async () => {
  const batches: string[] = [];
  let open = 0;
  let mostOpen = 0;
  let taken = Promise.resolve();
  const batcher = createBatcher((text) => {
    mostOpen = Math.max(mostOpen, (open += 1));
    taken = taken.then(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      batches.push(text);
      open -= 1;
    });
    return taken;
  });
  const small = Array.from({ length: 1_200 }, (_, n) => vm(`small-${n}`));
  const large = Array.from({ length: 5 }, (_, n) => vm(`large-${n}`, 'x'.repeat(maxBatchBytes / 2)));
  const huge = vm('huge', 'x'.repeat(9 * 1024 * 1024));
  const gone: InventoryNews = { kind: 'gone', objects: [{ kind: 'vm', ref: 'small-1' }] };
  await forward(told(snapshot, { kind: 'put', objects: [...small, ...large, huge] }, gone, synced), batcher);
  expect(mostOpen).toBe(2);
  const parsed = batches.map((text) => JSON.parse(text) as InventoryNews[]);
  for (const batch of parsed) {
    const objects = batch.flatMap((news): readonly unknown[] => ('objects' in news ? news.objects : []));
    expect(objects.length).toBeLessThanOrEqual(maxBatchObjects);
    expect(JSON.stringify(batch).length).toBeLessThan(maxBatchBytes * 1.6);
  }
  const all = parsed.flat();
  expect(all[0]).toEqual(snapshot);
  expect(all.at(-1)).toEqual(synced);
  const refs = all.flatMap((news) => (news.kind === 'put' ? news.objects.map(({ ref }) => ref) : []));
  expect(refs).toEqual([...small, ...large].map(({ ref }) => ref));
  expect(all.find(({ kind }) => kind === 'unreadable')).toMatchObject({ objects: [{ ref: 'huge' }] });
  expect(all.find(({ kind }) => kind === 'gone')).toEqual(gone);
});

test('an object that the server would refuse is listed with the reason, and the others go', async () => {
  const batches: string[] = [];
  const batcher = createBatcher(async (text) => void batches.push(text));
  const strange = vm('strange', '', { memoryBytes: -1 });
  const long = { ...vm('long'), name: 'x'.repeat(5_000) };
  const wide = vm('wide', '\u4e2d'.repeat(7 * 1024 * 1024));
  await forward(told(snapshot, { kind: 'put', objects: [vm('good'), strange, long, wide] }, synced), batcher);
  const all = batches.flatMap((text) => JSON.parse(text) as InventoryNews[]);
  const refs = (kind: string): string[] =>
    all.flatMap((news) => (news.kind === kind && 'objects' in news ? news.objects.map(({ ref }) => ref) : []));
  expect(refs('put')).toEqual(['good']);
  expect(refs('unreadable')).toEqual(['strange', 'long', 'wide']);
  for (const text of batches) expect(Buffer.byteLength(text)).toBeLessThan(16 * 1024 * 1024);
});

test('what has come goes without waiting for more; the source waits for a slow server; a refusal ends it', async () => {
  const sent: string[] = [];
  let pulled = 0;
  let more = Promise.withResolvers<void>();
  async function* slow(): AsyncGenerator<InventoryNews> {
    yield snapshot;
    await more.promise;
    for (;;) {
      pulled += 1;
      yield { kind: 'put', objects: Array.from({ length: 500 }, (_, n) => vm(`${pulled}-${n}`)) };
    }
  }
  const gate = Promise.withResolvers<void>();
  const ended = forward(
    slow(),
    createBatcher(async (text) => {
      sent.push(text);
      if (sent.length > 1) await gate.promise;
    }),
  );
  await expect.poll(() => sent.length, { timeout: 5_000 }).toBe(1);
  more.resolve();
  more = Promise.withResolvers();
  await expect.poll(() => sent.length, { timeout: 5_000 }).toBe(3);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(sent).toHaveLength(3);
  expect(pulled).toBeLessThanOrEqual(5);
  gate.reject(new Error('refused'));
  await expect(ended).rejects.toThrow('refused');
});

test('after a first read nothing is asked of the system until all of it is stored', async () => {
  const gate = Promise.withResolvers<void>();
  let asked = false;
  async function* source(): AsyncGenerator<InventoryNews> {
    yield* told(snapshot, { kind: 'put', objects: [vm('a')] }, synced);
    asked = true;
  }
  const sent: string[] = [];
  const ended = forward(
    source(),
    createBatcher(async (text) => {
      sent.push(text);
      await gate.promise;
    }),
  );
  await expect.poll(() => sent.join('').includes('synced'), { timeout: 5_000 }).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(asked).toBe(false);
  gate.resolve();
  await ended;
  expect(asked).toBe(true);
});

test('the wait before another try grows from a second to five minutes, never the same for all', () => {
  expect(retryInMs(1, () => 1)).toBe(1_000);
  expect(retryInMs(1, () => 0)).toBe(500);
  expect(retryInMs(4, () => 1)).toBe(8_000);
  expect(retryInMs(50, () => 1)).toBe(300_000);
});

test('an unsaved source is read to its first end, and no further than one answer can hold', async () => {
  const put: InventoryNews = { kind: 'put', objects: [vm('a'), vm('b'), vm('a', 'in full')] };
  const late: InventoryNews = { kind: 'put', objects: [vm('late')] };
  const whole = await firstInventory(
    told(snapshot, put, { kind: 'gone', objects: [{ kind: 'vm', ref: 'b' }] }, synced, late),
  );
  expect(whole.objects).toEqual([vm('a', 'in full')]);
  expect(whole).toMatchObject({ systemId: 's', truncated: false });
  const strange = vm('strange', '', { cpus: -1 });
  const listed = await firstInventory(told(snapshot, { kind: 'put', objects: [vm('a'), strange] }, synced));
  expect(listed).toMatchObject({
    objects: [{ ref: 'a' }],
    unreadable: [{ ref: 'strange', code: 'provider.object_strange' }],
  });
  const bounded = await firstInventory(told(snapshot, put, synced), { objects: 1, bytes: 1_000_000 });
  expect(bounded.truncated).toBe(true);
});

test('a secret that a system repeats is taken out of what it says, however it wrote it', () => {
  const secrets = { password: 'p@ss word', short: 'abc' };
  const said = {
    causes: ['bad login p@ss word', `Basic ${Buffer.from('p@ss word').toString('base64')}`, 'p%40ss%20word'],
  };
  expect(JSON.stringify(scrubbed(said, secrets))).not.toMatch(/p@ss|cEBzcyB3b3Jk|p%40ss/);
  const signIn = Buffer.from('administrator:p@ss word').toString('base64');
  for (const before of ['', 'a', 'ab']) {
    const text = scrubbed(`Basic ${Buffer.from(`${before}${'x'.repeat(7)}:a long p@ss word`).toString('base64')}`, {
      password: 'a long p@ss word',
    });
    expect(Buffer.from(text.slice('Basic '.length), 'base64').toString('latin1')).not.toContain('p@ss');
  }
  expect(scrubbed(signIn, secrets)).toContain('•••');
  const key = `-----BEGIN KEY-----\n${'k1'.repeat(20)}\n${'k2'.repeat(20)}\n-----END KEY-----\n`;
  expect(scrubbed([`bad line ${'k2'.repeat(20)}`], { key })).toEqual(['bad line •••']);
  expect(scrubbed('<p>a&amp;b&lt;c</p> a&#38;b&#60;c', { password: 'a&b<c' })).toBe('<p>•••</p> •••');
  expect(scrubbed('{"said":"q\\"uo\\\\te"}', { password: 'q"uo\\te' })).toBe('{"said":"•••"}');
  expect(scrubbed('sesameopen', { one: 'sesame', both: 'sesameopen' })).toBe('•••');
  expect(scrubbed({ text: 'abc', n: 1, nothing: null }, secrets)).toEqual({ text: 'abc', n: 1, nothing: null });
});
