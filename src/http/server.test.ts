/** The whole server as a process of its own: started, killed, started again, told apart from a second one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createClient } from '../cli/client.ts';
import { readConfig } from '../config.ts';
import { homeAt } from '../home.ts';
import { startServer } from './server.ts';

const starter = `
  const { startServer } = await import(process.argv[1]);
  const server = await startServer(JSON.parse(process.argv[2]));
  process.on('SIGTERM', () => void server.close().then(() => process.exit(0)));
  console.log('READY ' + server.setupToken);`;
const serverFile = fileURLToPath(new URL('server.ts', import.meta.url));

let directory: string;
let home: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-server-'));
  await chmod(directory, 0o711);
  home = join(directory, 'home');
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await gone();
  await rm(directory, { recursive: true, force: true });
});

/** Until no PostgreSQL works in our directory any more. */
async function gone(): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 50))) {
    if (!existsSync(join(home, 'postgres', 'data', 'postmaster.pid'))) return;
  }
}

const config = (more: object = {}) => ({
  ...readConfig({ home, listen: '127.0.0.1:0', logLevel: 'silent' }, {}),
  ...more,
});

async function start(more: object = {}): Promise<{ child: ChildProcess; setupToken: string }> {
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', starter, serverFile, JSON.stringify(config(more))],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  children.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part) => (text += part));
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error(text)));
    child.stdout.on('data', () => {
      const ready = /READY (\S+)/.exec(text);
      if (ready !== null) resolve({ child, setupToken: ready[1] ?? '' });
    });
  });
}
const ask = (at: string) => createClient({ server: null, token: null, home: at });
const client = () => ask(home);

describe('a server', () => {
  test('that is killed comes up again at once, with all that was committed, four times in a row', async () => {
    const made: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      const { child } = await start();
      const { id } = await client().post<{ id: string }>('/tokens', { name: `round ${round}`, role: 'viewer' });
      made.push(id);
      if (round % 2 === 1) {
        // the database as well, and first: nobody tells it to shut down
        const pid = Number.parseInt(await readFile(join(home, 'postgres', 'data', 'postmaster.pid'), 'utf8'), 10);
        process.kill(pid, 'SIGKILL');
      }
      child.kill('SIGKILL');
    }
    await start();
    const { items } = await client().get<{ items: { id: string }[] }>('/tokens');
    expect(items.map(({ id }) => id)).toEqual(made);
  }, 120_000);

  test('refuses to run beside another one on the same data, and says which', async () => {
    const { child } = await start();
    await expect(start()).rejects.toThrow(`process ${child.pid}`);
    expect((await client().get<{ name: string }>('/session')).name).toBe('local');
  });

  test('leaves nothing running, and keeps its set-up token until it was used', async () => {
    const first = await start();
    const files = homeAt(home);
    expect((await stat(files.serverSocket)).mode & 0o777).toBe(0o600);
    expect((await stat(files.run)).mode & 0o777).toBe(0o700);
    expect((await stat(files.setupToken)).mode & 0o777).toBe(0o600);
    const ended = new Promise((resolve) => first.child.once('exit', resolve));
    first.child.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(existsSync(join(home, 'postgres', 'data', 'postmaster.pid'))).toBe(false);
    const second = await start();
    expect(second.setupToken).toBe(first.setupToken);
  });

  test('whose directory has a very long path uses a short one for its sockets', async () => {
    home = join(directory, ...Array<string>(8).fill('a-directory-with-a-long-name'));
    const { child } = await start();
    const { run } = homeAt(home);
    expect(run.length).toBeLessThan(60);
    expect((await client().get<{ name: string }>('/session')).name).toBe('local');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
    expect(existsSync(run)).toBe(false);
  });

  test('uses a PostgreSQL of one’s own, where a second server may join', async () => {
    const { createTestDatabase } = await import('../db/testing.ts');
    const database = await createTestDatabase();
    const { host, user, database: name } = database.connection;
    const databaseUrl = `postgresql://${user}@/${name}?host=${encodeURIComponent(host ?? '')}`;
    const one = await startServer(config({ databaseUrl }));
    const two = await startServer(config({ databaseUrl, home: join(directory, 'other') }));
    try {
      await ask(home).post('/tokens', { name: 'shared', role: 'viewer' });
      const { items } = await ask(join(directory, 'other')).get<{ items: { name: string }[] }>('/tokens');
      expect(items.map((item) => item.name)).toEqual(['shared']);
      expect(await readdir(home)).not.toContain('postgres');
    } finally {
      await Promise.all([one.close(), two.close()]);
      await database.close();
    }
  });

  test('does not listen outside this machine without TLS', async () => {
    const outside = config({ listen: { host: '0.0.0.0', port: 0 } });
    await expect(startServer(outside)).rejects.toMatchObject({ code: 'server.tls_required' });
    expect(existsSync(join(home, 'postgres', 'data', 'postmaster.pid'))).toBe(false);
  });

  test('refuses data of another major version of PostgreSQL, and says what to do', async () => {
    const server = await startServer(config());
    await server.close();
    const { writeFile } = await import('node:fs/promises');
    await writeFile(join(home, 'postgres', 'data', 'PG_VERSION'), '9\n');
    const error: unknown = await startServer(config()).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'server.postgres_major', params: { major: 9 } });
  });
});
