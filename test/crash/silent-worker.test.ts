import { type ChildProcess, spawn } from 'node:child_process';
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Client, createClient } from '../../src/cli/client.ts';
import { homeAt } from '../../src/home.ts';
import type { MigrationView, VmMigrationDetail } from '../../src/migration/api.ts';
import { runningWorker } from '../../src/worker/pid-file.ts';
import { ovaSpec } from '../acceptance/appliance-spec.ts';

const wherry = fileURLToPath(new URL('../../bin/wherry', import.meta.url));
let home: string;
let points: string;
let server: ChildProcess | undefined;
let client: Client;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'wherry-silent-'));
  points = join(home, 'points');
  client = createClient({ server: null, token: null, home });
});
afterEach(async () => {
  await stop('SIGTERM');
  const left = await runningWorker(join(home, 'worker'));
  if (left !== null) process.kill(left, 'SIGKILL');
  await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  await rm(homeAt(home).run, { recursive: true, force: true });
});

async function start(leaseMs: number): Promise<void> {
  server = spawn(wherry, ['server', '--listen', 'none', '--home', home], {
    stdio: 'ignore',
    env: { ...process.env, WHERRY_HOME: home, WHERRY_LEASE_MS: String(leaseMs), WHERRY_FAIL_POINTS: points },
  });
  await expect
    .poll(
      () =>
        client.get('/session').then(
          () => true,
          () => false,
        ),
      { timeout: 60_000 },
    )
    .toBe(true);
}

async function stop(signal: NodeJS.Signals): Promise<void> {
  const ending = server;
  server = undefined;
  if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
  const gone = new Promise((resolve) => ending.once('exit', resolve));
  ending.kill(signal);
  await gone;
}

const workerPid = (): Promise<number | null> => runningWorker(join(home, 'worker'));

test('a built-in worker that was stopped, and says nothing any more, is replaced by one that works', async () => {
  await start(3_000);
  await expect.poll(workerPid, { timeout: 30_000 }).not.toBeNull();
  const first = (await workerPid()) ?? 0;
  process.kill(first, 'SIGSTOP');
  await expect.poll(async () => ![null, first].includes(await workerPid()), { timeout: 60_000 }).toBe(true);
  const made = await client.post<MigrationView>('/migrations', { vms: [missingOva()] });
  const state = async (): Promise<string> => (await client.get<MigrationView>(`/migrations/${made.id}`)).state;
  await expect.poll(state, { timeout: 60_000 }).toBe('failed'); // somebody looked, and did not find it
}, 180_000);

test('a server that is stopped in order takes no attempt from the steps that run', async () => {
  for (const each of ['armed', 'reached']) await mkdir(join(points, each), { recursive: true });
  await writeFile(join(points, 'armed', 'preflight.done'), '');
  await start(60_000);
  await writeFile(join(home, 'disk.raw'), Buffer.alloc(1024 * 1024, 7));
  await mkdir(join(home, 'out'));
  const spec = {
    ...missingOva(),
    source: { type: 'files', paths: [join(home, 'disk.raw')], name: 'web' },
    target: { type: 'files', directory: join(home, 'out'), format: 'raw', networks: {} },
    options: { conversion: 'never', verify: 'full', power: 'off' },
  };
  const made = await client.post<MigrationView>('/migrations', { vms: [spec] });
  const id = made.vmMigrations[0]?.id ?? '';

  const reached = (): Promise<boolean> =>
    access(join(points, 'reached', 'preflight.done')).then(
      () => true,
      () => false,
    );
  await expect.poll(reached, { timeout: 60_000 }).toBe(true);
  await stop('SIGTERM');
  expect(await workerPid()).toBeNull();
  await rm(join(points, 'reached', 'preflight.done'));
  await start(60_000);
  const detail = (): Promise<VmMigrationDetail> => client.get(`/vm-migrations/${id}`);
  await expect.poll(async () => (await detail()).state, { timeout: 60_000 }).toBe('completed');
  const { attempts } = await detail();
  const preflight = attempts.filter(({ step }) => step === 'preflight').map(({ outcome }) => outcome);
  expect(preflight).toEqual(['released', 'succeeded']);
}, 240_000);

function missingOva() {
  return ovaSpec('/nonexistent.ova', { type: 'files', directory: '/nonexistent', format: 'raw', networks: {} });
}
