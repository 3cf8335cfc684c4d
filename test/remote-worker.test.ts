/**
 * Two servers on one database that is not theirs, and a worker that reaches one of them over HTTPS with a certificate of an
 * authority of our own: a migration asked for at the other server is done by it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient, type Client } from '../src/cli/client.ts';
import { follow } from '../src/cli/follow.ts';
import { createTestDatabase, type TestDatabase } from '../src/db/testing.ts';
import type { WorkerView } from '../src/migration/api.ts';
import { runChild } from '../src/process/child.ts';
import { runningWorker } from '../src/worker/pid-file.ts';

const wherry = fileURLToPath(new URL('../bin/wherry', import.meta.url));
const content = randomBytes(3 * 1024 * 1024);
const processes: ChildProcess[] = [];
let directory = '';
let database: TestDatabase;
let databaseUrl = '';
const urls: string[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-remote-'));
  database = await createTestDatabase();
  await authority('ca');
  await authority('stranger');
  await certificate('ca', 'server');
  const { host, user, database: name } = database.connection;
  databaseUrl = `postgresql://${user}@/${name}?host=${encodeURIComponent(host ?? '')}`;
  for (const home of ['one', 'two']) {
    const tls = ['--tls-cert', join(directory, 'server.crt'), '--tls-key', join(directory, 'server.key')];
    const flags = ['--home', join(directory, home), '--listen', '127.0.0.1:0', '--no-worker', ...tls];
    const output = start(['server', ...flags], { WHERRY_DATABASE_URL: databaseUrl, WHERRY_LEASE_MS: '6000' });
    urls.push(await said(output, /Wherry listens on (https:\S+)/));
  }
  await writeFile(join(directory, 'disk.raw'), content);
  await mkdir(join(directory, 'out'));
});

afterAll(async () => {
  for (const each of processes) each.kill('SIGTERM');
  await Promise.all(processes.map(ended));
  await database.close();
  await rm(directory, { recursive: true, force: true });
});

test('a worker elsewhere does over HTTPS what was asked of another server on the same database', async () => {
  const [one, two] = [socketOf('one'), socketOf('two')];
  const { token } = await one.post<{ token: string }>('/worker-tokens', { name: 'far' });
  await writeFile(join(directory, 'token'), `${token}\n`, { mode: 0o600 });

  const wrongly = spawnWherry([...workerAt('stranger'), '--token-file', join(directory, 'token')]);
  const complaint = collect(wrongly);
  expect(await ended(wrongly)).not.toBe(0);
  expect(complaint()).toMatch(/certificate of the server at https:.* is not trusted/);
  expect((await two.get<{ items: WorkerView[] }>('/workers')).items).toEqual([]);

  const output = start([...workerAt('ca'), '--token-file', join(directory, 'token')]);
  await said(output, /(worker is connected)/);
  const { items } = await two.get<{ items: WorkerView[] }>('/workers');
  expect(items.map(({ alive }) => alive)).toEqual([true]);

  const spec = {
    source: { type: 'files', paths: [join(directory, 'disk.raw')], name: 'plain' },
    vm: null,
    target: { type: 'files', directory: join(directory, 'out'), format: 'raw', networks: {} },
    targetName: null,
    options: { conversion: 'never', verify: 'full', power: 'off' },
  };
  const { id } = await two.post<{ id: string }>('/migrations', { vms: [spec] });
  const view = await follow(two, id, () => undefined);
  expect(view.vmMigrations[0]?.error ?? null).toBeNull();
  expect(view.state).toBe('succeeded');
  expect((await readFile(join(directory, 'out', 'plain-disk0.raw'))).equals(content)).toBe(true);
  expect((await readFile(join(directory, 'out', 'plain-disk0.raw'))).equals(randomBytes(content.length))).toBe(false);
});

test('a worker with a token that is not known ends with an error that says so', async () => {
  await writeFile(join(directory, 'bad-token'), 'wherry_worker_0000000000000000000000000000000000000000000\n');
  const child = spawnWherry([...workerAt('ca', 'bad'), '--token-file', join(directory, 'bad-token')]);
  const output = collect(child);
  const code = await ended(child);
  expect(code).not.toBe(0);
  expect(output()).toMatch(/token|sign/i);
});

test('the worker beside a server is not told how to open the database', async () => {
  const home = join(directory, 'three');
  const words = ['server', '--home', home, '--listen', 'none'];
  const server = spawnWherry(words, { WHERRY_DATABASE_URL: databaseUrl });
  await said(collect(server), /(Wherry listens)/);
  await expect.poll(() => runningWorker(join(home, 'worker')), { timeout: 50_000 }).not.toBeNull();
  expect(await environmentOf(server.pid)).toContain('WHERRY_DATABASE_URL'); // the control
  const ofWorker = await environmentOf(await runningWorker(join(home, 'worker')));
  expect(ofWorker).toContain('WHERRY_HOME'); // the control
  expect(ofWorker).not.toContain('WHERRY_DATABASE_URL');
});

/** Names alone: a failure prints what was compared. */
async function environmentOf(pid: number | null | undefined): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/environ`, 'utf8');
  return text.split('\0').map((one) => one.slice(0, one.indexOf('=')));
}

function workerAt(authorityName: string, home = authorityName): string[] {
  const [url = ''] = urls;
  const there = url.replace('127.0.0.1', 'localhost');
  return [
    'worker',
    '--home',
    join(directory, `w-${home}`),
    '--server',
    there,
    '--ca',
    join(directory, `${authorityName}.crt`),
  ];
}

function socketOf(home: string): Client {
  return createClient({ server: null, token: null, home: join(directory, home) });
}

function spawnWherry(args: string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(wherry, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  processes.push(child);
  return child;
}

function start(args: string[], env: Record<string, string> = {}): () => string {
  return collect(spawnWherry(args, env));
}

function collect(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part) => (text += String(part)));
  return () => text;
}

/** The first group of what it has printed, as soon as it has. */
async function said(output: () => string, what: RegExp): Promise<string> {
  for (const end = Date.now() + 50_000; Date.now() < end; await sleep(50)) {
    const found = what.exec(output())?.[1];
    if (found !== undefined) return found;
  }
  throw new Error(`nobody said ${String(what)}: ${output()}`);
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode);
    else child.once('exit', (code) => resolve(code));
  });
}

async function authority(name: string): Promise<void> {
  const files = ['-keyout', join(directory, `${name}.key`), '-out', join(directory, `${name}.crt`)];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  await runChild('openssl', ['req', ...kind, '-subj', `/CN=wherry test ${name}`, ...files]);
}

async function certificate(by: string, name: string): Promise<void> {
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=localhost'];
  await runChild('openssl', [
    'req',
    ...kind,
    '-keyout',
    inDirectory(`${name}.key`),
    '-out',
    inDirectory(`${name}.csr`),
  ]);
  await writeFile(inDirectory('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  const signed = ['-CA', inDirectory(`${by}.crt`), '-CAkey', inDirectory(`${by}.key`), '-CAcreateserial', '-days', '2'];
  const about = [
    '-in',
    inDirectory(`${name}.csr`),
    '-out',
    inDirectory(`${name}.crt`),
    '-extfile',
    inDirectory('names'),
  ];
  await runChild('openssl', ['x509', '-req', ...about, ...signed]);
}

function inDirectory(file: string): string {
  return join(directory, file);
}
