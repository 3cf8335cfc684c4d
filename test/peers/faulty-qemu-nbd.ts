/**
 * qemu-nbd with a fault device in it: started in its place (a mount over the program, in a mount namespace of a test's own),
 * it starts the real one and hands on what that gives, with the faults that a test asks for.
 *
 *     node faulty-qemu-nbd.ts CONTROL REAL <arguments of qemu-nbd>
 *
 * CONTROL: a JSON file, an array of { match: text of the image's description, faults }; no entry matches: no faults.
 */
import { chmod, copyFile, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startChild } from '../../src/process/child.ts';
import { connectNbd } from '../../src/transfer/nbd/client.ts';
import { serveNbd } from '../../src/transfer/nbd/server.ts';
import { type Faults, faulty, noFaults } from './faulty-disk.ts';

export type FaultRule = { readonly match: string; readonly faults: Faults };

export type FaultyQemuNbd = {
  /** Starts a program where qemu-nbd is the faulty one, and becomes that program. Needs root. */
  readonly launcher: readonly string[];
  /** For every qemu-nbd that is started from now on. */
  set(rules: readonly FaultRule[]): Promise<void>;
};

export async function installFaultyQemuNbd(directory: string): Promise<FaultyQemuNbd> {
  const [program, real, control] = ['qemu-nbd', 'real-qemu-nbd', 'faults.json'].map((name) => join(directory, name));
  const installed = await realpath('/usr/bin/qemu-nbd');
  if (program === undefined || real === undefined || control === undefined) throw new Error('no names');
  await copyFile(installed, real);
  const self = fileURLToPath(import.meta.url);
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${self}' '${control}' '${real}' "$@"\n`);
  await chmod(program, 0o755);
  const set = (rules: readonly FaultRule[]): Promise<void> => writeFile(control, JSON.stringify(rules));
  await set([]);
  const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
  const launcher = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', program, installed];
  return { launcher, set };
}

async function main(control: string, real: string, args: readonly string[]): Promise<void> {
  const { signal } = new AbortController();
  const wanted = args.find((arg) => arg.startsWith('--socket='))?.slice('--socket='.length);
  if (wanted === undefined) throw new Error('no socket is asked for');
  const inner = wanted.replace(/\.sock$/, '.in');
  const image = args.at(-1) ?? '';
  const rules = JSON.parse(await readFile(control, 'utf8')) as FaultRule[];
  const faults = rules.find(({ match }) => image.includes(match))?.faults ?? noFaults;
  const child = await startChild(
    real,
    args.map((arg) => (arg.startsWith('--socket=') ? `--socket=${inner}` : arg)),
  );
  void child.exited.then(({ code, stderrTail }) => {
    process.stderr.write(stderrTail);
    process.exit(code ?? 1);
  });
  const disk = await connected(inner, signal);
  const server = await serveNbd(faulty(disk, faults), { socketPath: wanted, readOnly: disk.readOnly }, signal);
  process.once('SIGTERM', () => {
    void (async () => {
      await server.close();
      await disk.close();
      await child.stop();
      await rm(inner, { force: true });
    })();
  });
}

async function connected(socketPath: string, signal: AbortSignal): ReturnType<typeof connectNbd> {
  for (;;) {
    try {
      return await connectNbd({ socketPath }, signal);
    } catch {
      await sleep(10); // it ends by itself when it cannot open the image
    }
  }
}

if (import.meta.main) {
  const [control = '', real = '', ...args] = process.argv.slice(2);
  await main(control, real, args);
}
