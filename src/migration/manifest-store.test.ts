import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '../model/ids.ts';
import { startTestServer, type TestServer } from './testing/server.ts';
import { fakeWorker, work } from './testing/fake-worker.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ leaseMs: 60_000 });
});
afterAll(() => server.close());

const MiB = 1024 * 1024;
const digest = (byte: string): string => byte.repeat(64);

/** The chunks that the manifest names, as [chunk, digest, source]. */
async function chunksOf(id: string): Promise<unknown[]> {
  const answer = await server.app.inject({ method: 'GET', url: `/api/v1/vm-migrations/${id}/manifest` });
  const lines = answer.body.trim().split('\n');
  return lines
    .map((line) => JSON.parse(line) as { chunk?: number; digest?: string; source?: string })
    .flatMap((line) => (line.chunk === undefined ? [] : [[line.chunk, line.digest, line.source]]));
}

test('what a conversion made of a chunk counts, also where applying it had to copy the chunk first', async () => {
  const worker = fakeWorker(server.app, 'one');
  await worker.hello();
  const [vm] = (await server.create()).vmMigrations;
  const copied = (chunk: number, byte: string) => ({ diskId: 'disk-1', chunk, digest: digest(byte) });
  await work(worker, async ({ step, token }) => {
    const tell = (journal: object[]) => worker.beat(worker.report(token, { journal: journal as never }));
    if (step.name === 'copy') await tell([copied(0, 'a')]);
    if (step.name === 'apply') {
      await tell([copied(1, 'b')]); // left out before, because another conversion had trimmed it
      await tell([1, 0].map((chunk) => ({ ...copied(chunk, 'c'), applied: true })));
    }
    return undefined;
  });
  expect(await chunksOf(vm?.id ?? '')).toEqual([
    [0, digest('c'), digest('a')],
    [1, digest('c'), digest('b')],
  ]);
});

test('what was copied after it was applied counts as it is (control)', async () => {
  const worker = fakeWorker(server.app, 'one');
  await worker.hello();
  const [vm] = (await server.create()).vmMigrations;
  await work(worker, async ({ step, token }) => {
    const entry = { diskId: 'disk-1', chunk: 0, digest: digest('a') };
    if (step.name === 'apply') await worker.beat(worker.report(token, { journal: [{ ...entry, applied: true }] }));
    if (step.name === 'create-vm') {
      await worker.beat(worker.report(token, { journal: [{ ...entry, digest: digest('d') }] }));
    }
    return undefined;
  });
  expect(await chunksOf(vm?.id ?? '')).toEqual([[0, digest('d'), undefined]]);
});

test.each([
  ['by a later step, which found its overlay gone', true, [[0, 64 * MiB]]],
  ['by nobody (control)', false, [[0, 64 * MiB + 32 * MiB]]],
] as const)('what the copy had left out and was copied %s', async (_by, copiedLater, expected) => {
  const worker = fakeWorker(server.app, 'one');
  await worker.hello();
  const [vm] = (await server.create()).vmMigrations;
  await work(worker, async ({ step, token }) => {
    const discarded = { overlayId: newId(), disks: { 'disk-1': [[0, 96 * MiB]] } };
    if (step.name === 'copy') return { kind: 'succeeded', result: { bytesMoved: 32 * MiB, discarded } };
    const journal = [{ diskId: 'disk-1', chunk: 1, digest: digest('b') }];
    if (step.name === 'verify' && copiedLater) await worker.beat(worker.report(token, { journal }));
    // What a conversion made of it says nothing about whether it was copied.
    const applied = [{ diskId: 'disk-1', chunk: 0, digest: digest('c'), applied: true as const }];
    if (step.name === 'apply') await worker.beat(worker.report(token, { journal: applied }));
    return undefined;
  });
  const answer = await server.app.inject({ method: 'GET', url: `/api/v1/vm-migrations/${vm?.id}/manifest` });
  const lines = answer.body
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { discarded?: number[] });
  expect(lines.flatMap((line) => (line.discarded === undefined ? [] : [line.discarded]))).toEqual(expected);
});
