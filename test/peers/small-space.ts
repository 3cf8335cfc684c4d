/**
 * A file system with little room, to run out of it: a tmpfs in a mount namespace of its own, which nobody else sees and
 * which goes away with the last process in it. Programs are started in it through `launcher`; it dies with the test.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export type SmallSpace = AsyncDisposable & {
  /** Where it is mounted for whoever was started in it. */
  readonly path: string;
  /** The same directory as this process can reach it. */
  readonly seenFromHere: string;
  /** Words that start a program in it, and become that program. */
  readonly launcher: readonly string[];
};

/** Needs root. @throws when it cannot be mounted */
export async function makeSmallSpace(sizeBytes: number): Promise<SmallSpace> {
  const path = await mkdtemp(join(tmpdir(), 'wherry-small-'));
  const script = 'mount -t tmpfs -o size="$1",mode=0755 wherry-small "$2" && exec sleep infinity';
  const words = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', String(sizeBytes), path];
  const holder = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...words], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise<void>((resolve) => holder.once('close', () => resolve()));
  const pid = holder.pid ?? -1;
  const dispose = async (): Promise<void> => {
    holder.kill('SIGKILL');
    await ended;
    await rm(path, { recursive: true, force: true });
  };
  for (const end = Date.now() + 10_000; ; await sleep(10)) {
    const mounts = await readFile(`/proc/${pid}/mounts`, 'utf8').catch(() => '');
    if (mounts.includes(` ${path} tmpfs `)) break;
    if (Date.now() < end && holder.exitCode === null) continue;
    await dispose();
    throw new Error(`${path} could not be mounted`);
  }
  return {
    path,
    seenFromHere: `/proc/${pid}/root${path}`,
    launcher: ['nsenter', `--mount=/proc/${pid}/ns/mnt`, '--'],
    [Symbol.asyncDispose]: dispose,
  };
}
