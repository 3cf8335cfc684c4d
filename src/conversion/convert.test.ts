/**
 * Real conversions that are ended early. Those that go to their end are the acceptance scenarios' (ova-to-files, ova-to-libvirt;
 * bad-guest for guests that cannot be converted): each is half a minute and more under TCG.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildGuest, type GuestKind, toVmdk } from '../../test/peers/guest/build.ts';
import type { Accelerator } from './accelerator.ts';
import { probeAccelerator } from './accelerator.ts';
import { type Child, startChild } from '../process/child.ts';
import { convertGuest } from './convert.ts';
import { createOverlay } from './overlay.ts';
import { sampleVm } from './sample.ts';
import { shortcutOf } from './scratch.ts';
import type { Phase } from './tool-output.ts';

const long = 420_000;
const mib = 1024 * 1024;
let base: string;
let accelerator: Accelerator;
const servers: Child[] = [];
const sockets: string[] = [];

beforeAll(async () => {
  // As deep as a worker's directories are.
  base = path.join(
    await mkdtemp(path.join(os.tmpdir(), 'wherry-convert-')),
    'worker-directory',
    'a'.repeat(36),
    'b'.repeat(12),
  );
  await mkdir(base, { recursive: true });
  accelerator = await probeAccelerator();
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  for (const each of sockets) await rm(each, { recursive: true, force: true });
  await rm(path.dirname(path.dirname(path.dirname(base))), { recursive: true, force: true });
});

/** A guest as a VMDK, served read only over NBD, with an overlay on it. */
async function prepared(kind: GuestKind): Promise<{ directory: string; overlay: string }> {
  const directory = await mkdtemp(path.join(base, 'd-'));
  const guest = await buildGuest({ kind, token: 'convert-test', dir: directory });
  const vmdk = await toVmdk(guest.path);
  await rm(guest.path);
  const socketPath = path.join(await mkdtemp(path.join(os.tmpdir(), 'wherry-nbd-')), 'n');
  sockets.push(path.dirname(socketPath));
  const server = await startChild('qemu-nbd', ['-r', '-f', 'vmdk', '-k', socketPath, '-t', '-x', 'disk', vmdk]);
  servers.push(server);
  const overlay = path.join(directory, 'overlay.qcow2');
  const wanted = { path: overlay, backing: { socketPath, exportName: 'disk' }, sizeBytes: guest.sizeBytes };
  const signal = AbortSignal.timeout(60_000);
  for (let tries = 0; ; tries++) {
    const made = await createOverlay(wanted, signal).then(
      () => true,
      (error: unknown) => {
        if (tries > 50) throw error;
        return false;
      },
    );
    if (made) return { directory, overlay };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function request(from: { directory: string; overlay: string }): Parameters<typeof convertGuest>[0] {
  return {
    vm: sampleVm(),
    overlays: [{ diskId: 'disk-1', path: from.overlay }],
    directory: from.directory,
    onPhase: () => undefined,
    onLog: () => undefined,
    accelerator,
  };
}

/** The paths by which a conversion in this directory is known: its own, and the short way there. */
function pathsOf(directory: string): string[] {
  return [directory, shortcutOf(directory)];
}

/** Programs that name one of the paths in their command line or environment. */
async function running(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const inside = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (paths.some((each) => line.includes(each) || inside.includes(each))) found.push(line.replaceAll('\0', ' '));
  }
  return found.filter((line) => !line.startsWith('qemu-nbd -r'));
}

describe('a guest from VMware', () => {
  it(
    'that is canceled leaves no process and no file but its log',
    async () => {
      const from = await prepared('debian');
      const controller = new AbortController();
      const opening = Promise.withResolvers<void>();
      const watched = { ...request(from), onPhase: ({ phase }: Phase) => phase === 'opening' && opening.resolve() };
      const conversion = convertGuest(watched, controller.signal);
      const canceled = conversion.catch((thrown: unknown) => thrown);
      await opening.promise;
      const paths = pathsOf(from.directory);
      // The control: there is a tree to be ended (QEMU itself, not its first run that only asks what it can do).
      await expect.poll(async () => (await running(paths)).join(), { timeout: 60_000 }).toContain('guestfsd.sock');
      // An emulated kernel is started without what costs most there.
      expect(/-append .*\bmitigations=off\b/.test((await running(paths)).join())).toBe(accelerator === 'tcg');
      controller.abort(new Error('enough'));
      expect(await canceled).toMatchObject({ message: 'enough' });
      expect(await running(paths)).toEqual([]);
      expect(await stat(shortcutOf(from.directory)).catch(() => null)).toBeNull();
      const log = await readFile(path.join(from.directory, 'conversion.log'), 'utf8');
      const place = /path=(.*?)\/guestfsd\.sock/.exec(log)?.[1] ?? 'none in the log';
      expect(place).toContain('libguestfs');
      expect(await stat(place).catch((error: NodeJS.ErrnoException) => error.code)).toBe('ENOENT');
      expect((await readdir(from.directory)).sort()).toEqual(['conversion.log', 'debian.vmdk', 'overlay.qcow2']);
    },
    long,
  );

  it(
    'that takes too long is ended with an error that says in which phase',
    async () => {
      const from = await prepared('debian');
      const limits = { memoryMiB: 2560, timeoutMs: 3_000, logBytes: mib };
      await expect(convertGuest({ ...request(from), limits }, AbortSignal.timeout(long))).rejects.toMatchObject({
        code: 'conversion.timed_out',
        params: { vm: 'web', phase: 'opening' },
      });
      expect(await running([from.directory])).toEqual([]);
    },
    long,
  );
});
