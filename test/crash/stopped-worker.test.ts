/**
 * A worker that is stopped (SIGSTOP: a debugger, a paused machine) past its lease cannot stop what it runs. Its step goes to
 * another worker, and nothing of the first may write from then on, nor when it is woken again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { MigrationView, VmMigrationDetail } from '../../src/migration/api.ts';
import { runChild } from '../../src/process/child.ts';
import { ovaSpec } from '../acceptance/appliance-spec.ts';
import { limitBandwidth } from '../acceptance/limit.ts';
import { type Product, startProduct } from '../acceptance/product.ts';
import { descendants } from '../acceptance/victims.ts';
import { buildDemoOva } from '../peers/guest/appliance.ts';

const leaseMs = 6_000;
const mainFile = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const mib = 1024 * 1024;

test('steps of a stopped worker end before others get them, and it does nothing more when it is woken', async () => {
  // Not the built-in one: that would be found silent by the server, and replaced.
  await using product = await startProduct({ leaseMs, builtIn: false });
  const stopped = startWorker(product, 'first');
  onTestFinished(() => {
    stopped.kill('SIGKILL');
  });
  const first = stopped.pid ?? -1;
  const dir = join(product.scratch, 'ova');
  const out = join(product.scratch, 'out');
  await mkdir(dir);
  await mkdir(out);
  const appliance = await buildDemoOva({
    dir,
    token: `stopped-${process.pid}`,
    kind: 'kvm',
    vmName: 'stopped',
    dataMiB: 96,
  });
  await limitBandwidth(product, 3 * mib);
  const id = await product.begin(
    ovaSpec(appliance.path, { type: 'files', directory: out, format: 'qcow2', networks: {} }),
  );
  const step = async (): Promise<VmMigrationDetail['steps'][number] | undefined> => {
    const view = await product.client.get<MigrationView>(`/migrations/${id}`);
    return view.vmMigrations[0]?.steps.find(({ name }) => name === 'copy');
  };
  await until(async () => ((await step())?.disks ?? []).some(({ bytesMoved }) => bytesMoved > 0), 60_000);

  // (control) What writes to the target is seen by this test.
  expect(await writersOf(out, first)).not.toEqual([]);
  process.kill(first, 'SIGSTOP');
  onTestFinished(() => wake(first));
  const second = startWorker(product, 'second');
  onTestFinished(() => {
    second.kill('SIGKILL');
  });
  await until(async () => ((await step())?.attempts ?? 0) === 2, leaseMs * 3);
  // From the very moment that somebody else has it. The first worker itself is still stopped.
  expect(await writersOf(out, first)).toEqual([]);

  wake(first);
  await limitBandwidth(product, null);
  let writes = 0;
  const watching = new AbortController();
  const watch = (async () => {
    for (; !watching.signal.aborted; await sleep(20)) writes += (await writersOf(out, first)).length;
  })();
  const view = await product.wait(id);
  watching.abort();
  await watch;
  expect(view.state).toBe('succeeded');
  expect(writes).toBe(0);
  const detail = await product.detail(view);
  const copies = detail.attempts.filter((attempt) => attempt.step === 'copy');
  expect(copies.map(({ outcome }) => outcome)).toEqual(['lost', 'succeeded']);
  expect(new Set(copies.map(({ worker }) => worker.id)).size).toBe(2);
  for (const [index, disk] of appliance.disks.entries()) {
    const target = join(out, `stopped-disk${index}.qcow2`);
    await runChild('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', disk.path, target]);
  }
  // What the first worker had for it goes once it has been told.
  expect(detail.ledger.every(({ state }) => state === 'removed' || state === 'handed_over')).toBe(true);
}, 180_000);

/** A worker on the same machine: a home of its own, the same server. */
function startWorker(product: Product, name: string): ChildProcess {
  const home = join(product.scratch, name);
  const url = new URL(`file://${mainFile}`);
  const code = `
    import { runWorker } from ${JSON.stringify(new URL('worker/worker.ts', url).href)};
    await runWorker({
      server: { socketPath: ${JSON.stringify(join(product.home, 'run', 'server.sock'))} },
      home: ${JSON.stringify(home)}, version: 'test', capacity: 4, log: () => undefined,
    }, new AbortController().signal);`;
  return spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
    stdio: 'inherit',
    env: { ...process.env, WHERRY_HOME: home },
  });
}

/** Processes below this one that have a file of the directory open. */
async function writersOf(directory: string, root: number): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await descendants(root)) {
    const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const file of files) {
      const path = await readlink(`/proc/${pid}/fd/${file}`).catch(() => '');
      if (path.startsWith(directory)) found.push(`${pid} ${path}`);
    }
  }
  return found;
}

function wake(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // it has ended
  }
}

async function until(holds: () => Promise<boolean>, longestMs: number): Promise<void> {
  for (const end = Date.now() + longestMs; !(await holds()); await sleep(25)) {
    if (Date.now() > end) throw new Error('it did not come to pass in time');
  }
}
