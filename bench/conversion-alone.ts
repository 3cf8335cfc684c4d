/** The conversion of an OVA's guest by itself, on overlays that are thrown away, as the step does it: OVA DIRECTORY. */
import { join } from 'node:path';
import { probeAccelerator } from '../src/conversion/accelerator.ts';
import { convertGuest } from '../src/conversion/convert.ts';
import type { Overlay } from '../src/conversion/libvirt-xml.ts';
import { createOverlay } from '../src/conversion/overlay.ts';
import { createOvaSource } from '../src/providers/ova/source.ts';
import { createImageTools } from '../src/transfer/images.ts';
import { serveNbd } from '../src/transfer/nbd/server.ts';
import { chmod } from 'node:fs/promises';

const [path = '', directory = ''] = process.argv.slice(2);
const { signal } = new AbortController();
await chmod(directory, 0o700); // sockets will be in it
await using source = await createOvaSource({ type: 'ova', path }, createImageTools(), signal);
await using opened = new AsyncDisposableStack();
const vm = await source.describe(null, signal);
const overlays: Overlay[] = [];
for (const [index, { id }] of vm.disks.entries()) {
  const disk = opened.adopt(await source.openDisk(vm, id, directory, signal), (each) => each.close());
  const options = { socketPath: join(directory, `s${index}`), readOnly: true };
  const server = opened.adopt(await serveNbd(disk, options, signal), (each) => each.close());
  const overlay = join(directory, `overlay-${index}.qcow2`);
  const backing = { socketPath: server.socketPath, exportName: '' };
  await createOverlay({ path: overlay, backing, sizeBytes: disk.sizeBytes }, signal);
  overlays.push({ diskId: id, path: overlay });
}
const quiet = { onPhase: () => undefined, onLog: () => undefined };
await convertGuest({ vm, overlays, directory, ...quiet, accelerator: await probeAccelerator(signal) }, signal);
