/** Real NBD peers for tests. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from '../../process/child.ts';

/** A private folder that goes away with the test: `await using folder = await testFolder()`. */
export async function testFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'wherry-nbd-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** nbdkit on a unix socket, ready; killed at the end of the scope. */
export async function nbdkit(
  folder: string,
  ...args: string[]
): Promise<{ socketPath: string; child: Child } & AsyncDisposable> {
  const socketPath = join(folder, `kit-${Math.random().toString(36).slice(2, 8)}`);
  const pidFile = `${socketPath}.pid`;
  const child = await startChild('nbdkit', ['-f', '-U', socketPath, '-P', pidFile, ...args]);
  let exited = false;
  void child.exited.then(() => {
    exited = true;
  });
  // The pid file is written once it listens.
  while (!existsSync(pidFile)) {
    if (exited) throw new Error(`nbdkit ended: ${(await child.exited).stderrTail}`);
    await sleep(5);
  }
  return {
    socketPath,
    child,
    async [Symbol.asyncDispose]() {
      await child.stop(1_000);
    },
  };
}
