/** For targets that take a disk as one stream: what a conversion changed, laid over the source while it is copied. */
import { overlayClusters } from '../../conversion/overlay.ts';
import type { Vm } from '../../model/vm.ts';
import { composedDisk } from '../../transfer/composed.ts';
import type { Disk, Extent } from '../../transfer/disk.ts';
import { openVolume } from '../../transfer/nbd/volume.ts';
import type { StepContext } from '../step.ts';
import type { Converted } from './conversions.ts';
import type { Ends } from './ends.ts';

/** An overlay, opened without what is behind it, and its own clusters. */
export type Over = { readonly overlay: Disk; readonly clusters: readonly Extent[] };

/** By disk id; closed by disposing. */
export async function openOverlays(
  context: StepContext,
  { overlays }: Converted,
): Promise<{ readonly over: ReadonlyMap<string, Over> } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const over = new Map<string, Over>();
  for (const { diskId, path } of overlays) {
    const image = { path, format: 'qcow2', readOnly: true, startsZeroed: false } as const;
    const clusters: Extent[] = [];
    for await (const cluster of overlayClusters(path, context.signal)) clusters.push(cluster);
    const overlay = stack.adopt(await openVolume(image, context.directory, context.signal), (disk) => disk.close());
    over.set(diskId, { overlay, clusters });
  }
  const all = stack.move();
  return { over, [Symbol.asyncDispose]: () => all[Symbol.asyncDispose]() };
}

/** The source's disk, with the overlay over it where there is one. */
export async function openComposed(ends: Ends, vm: Vm, diskId: string, over: Over | undefined): Promise<Disk> {
  const source = await ends.openSource(vm, diskId);
  if (over === undefined) return source;
  return { ...composedDisk(source, over.overlay, over.clusters), close: () => source.close() };
}
