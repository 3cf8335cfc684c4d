/** The console as a person has it: the real server in a home of its own, its built pages, and Chromium. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { type Client, createClient } from '../../src/cli/client.ts';
import { homeAt } from '../../src/home.ts';
import type { VmMigrationSpec } from '../../src/model/spec.ts';
import { runChild } from '../../src/process/child.ts';
import { runningWorker } from '../../src/worker/pid-file.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const browsers = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
export const chromiumPath = browsers.find((path) => existsSync(path));

export type TestConsole = AsyncDisposable & {
  /** For what the tests make; removed with the rest. */
  readonly scratch: string;
  readonly address: string;
  readonly setupToken: string;
  readonly page: Page;
  readonly context: BrowserContext;
  /** On the server's unix socket, as an administrator on its machine. */
  readonly client: Client;
  /** Anything that a page of ours should never say: exceptions, refused scripts, styles and connections. */
  readonly complaints: string[];
  migrate(name: string, ...vms: readonly VmMigrationSpec[]): Promise<string>;
  stopServer(): Promise<void>;
  /** On the same port. */
  startServer(): Promise<void>;
};

export async function openConsole(): Promise<TestConsole> {
  await buildPages();
  await using undo = new AsyncDisposableStack();
  const scratch = await mkdtemp(join(tmpdir(), 'wherry-browser-'));
  undo.defer(() => rm(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  const home = join(scratch, 'home');
  undo.defer(() => rm(homeAt(home).run, { recursive: true, force: true }));
  undo.defer(async () => {
    const worker = await runningWorker(join(home, 'worker'));
    if (worker !== null) process.kill(worker, 'SIGKILL');
  });
  let server = await startServer(home, 0);
  undo.defer(() => stop(server.process));
  const { address, setupToken } = server;
  const browser = await launch();
  undo.defer(() => browser.close());
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  // Generous: the machine may be busy with emulated guests; what waits this long has failed.
  page.setDefaultTimeout(60_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (/Content.Security.Policy|Warning:|Uncaught/i.test(message.text())) complaints.push(message.text());
  });
  const client = createClient({ server: null, token: null, home });
  const cleanUp = undo.move();
  return {
    scratch,
    address,
    setupToken: setupToken ?? '',
    page,
    context,
    client,
    complaints,
    migrate: async (name, ...vms) => (await client.post<{ id: string }>('/migrations', { name, vms })).id,
    stopServer: () => stop(server.process),
    startServer: async () => {
      server = await startServer(home, Number(new URL(address).port));
    },
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}

function launch(): Promise<Browser> {
  const quiet = ['gpu', 'quic', 'background-networking', 'component-update', 'sync'].map((name) => `--disable-${name}`);
  return chromium.launch({
    executablePath: chromiumPath ?? '',
    args: ['--no-sandbox', '--no-first-run', ...quiet],
    timeout: 90_000,
  });
}

type Started = { readonly process: ChildProcess; readonly address: string; readonly setupToken: string | null };

async function startServer(home: string, port: number): Promise<Started> {
  const child = spawn(join(root, 'bin/wherry'), ['server', '--listen', `127.0.0.1:${port}`, '--home', home], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, WHERRY_HOME: home, WHERRY_LOG_LEVEL: 'error' },
  });
  const expired = setTimeout(() => child.kill('SIGKILL'), 60_000);
  let address: string | undefined;
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      address ??= /listens on (http\S+)/.exec(line)?.[1];
      const setupToken = /Set-up token: (\S+)/.exec(line)?.[1];
      if (address !== undefined && (setupToken !== undefined || port !== 0)) {
        child.stdout.resume();
        return { process: child, address, setupToken: setupToken ?? null };
      }
    }
  } finally {
    clearTimeout(expired);
  }
  throw new Error('the server did not start');
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  const hard = setTimeout(() => child.kill('SIGKILL'), 20_000);
  while (child.exitCode === null && child.signalCode === null) await sleep(20);
  clearTimeout(hard);
}

/** What is tested is what is written: built anew when a source is younger than what was built. */
async function buildPages(): Promise<void> {
  const built = await stat(join(root, 'ui/dist/index.html')).catch(() => null);
  const sources = await readdir(join(root, 'ui/src'), { recursive: true });
  const files = [...sources.map((name) => join('ui/src', name)), 'ui/index.html', 'ui/package.json'];
  const times = await Promise.all(files.map(async (name) => (await stat(join(root, name))).mtimeMs));
  if (built !== null && built.mtimeMs > Math.max(...times)) return;
  await runChild(process.execPath, [join(root, 'node_modules/vite/bin/vite.js'), 'build', join(root, 'ui')]);
}
