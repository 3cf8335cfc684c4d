/**
 * For fresh.test.ts, which kills it: fills PATH, a new qcow2 in DIRECTORY, 1 MiB after the other from its beginning, each
 * cluster with its number, and says after each flush how many MiB are safe.
 */
import { sharedMemory } from '../memory.ts';
import { openVolume } from '../nbd/volume.ts';
import { clusterBytes } from './fresh-layout.ts';

const [path = '', directory = ''] = process.argv.slice(2);
const { signal } = new AbortController();
const disk = await openVolume({ path, format: 'qcow2', readOnly: false, startsZeroed: true }, directory, signal);
const MiB = 1024 * 1024;
const slots = Array.from({ length: 8 }, () => sharedMemory(MiB));
for (let done = 0; (done + slots.length) * MiB <= disk.sizeBytes; done += slots.length) {
  await Promise.all(
    slots.map(async (slot, index) => {
      const offset = (done + index) * MiB;
      for (let at = 0; at < MiB; at += clusterBytes) {
        slot.fill(1 + (((offset + at) / clusterBytes) % 255), at, at + clusterBytes);
      }
      await disk.write(offset, slot, signal);
    }),
  );
  await disk.flush(signal);
  process.stdout.write(`${done + slots.length}\n`);
}
