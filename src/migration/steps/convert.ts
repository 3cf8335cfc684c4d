/**
 * Converts the guest on overlays, while the copy runs: virt-v2v-in-place sees local qcow2 files whose backing is the
 * source over our own NBD server. The source is never written; what was changed stays in the overlays until `apply`.
 * Where a disk can only be read in order, the itinerary puts this step after the copy, and the overlays lie on the target
 * copy.
 */
import { rm } from 'node:fs/promises';
import { probeAccelerator } from '../../conversion/accelerator.ts';
import { convertGuest } from '../../conversion/convert.ts';
import type { Overlay } from '../../conversion/libvirt-xml.ts';
import { createOverlay } from '../../conversion/overlay.ts';
import { makeSocketLink, removeOwn, shortcutOf, socketLinkOf } from '../../conversion/scratch.ts';
import { located } from '../../model/errors.ts';
import { newId } from '../../model/ids.ts';
import { serveNbd } from '../../transfer/nbd/server.ts';
import type { Step, StepContext } from '../step.ts';
import { type Converted, forgetConversion, keepConversion, presentConversion } from './conversions.ts';
import { diskName, type Ends, openEnds } from './ends.ts';
import { recorded } from './recorded.ts';
import { resultOf } from './results.ts';
import { forgetTrimmed, tellTrimmed } from './trimmed.ts';

export const convert: Step = async (context) => {
  const { conversion, vm, inOrder } = resultOf(context, 'preflight');
  if (!conversion) return { skipped: true };
  await using ends = await openEnds(context, { begins: !inOrder });
  const before = await presentConversion(context, ends.identity);
  if (before !== null) {
    context.log('info', 'this worker has the result of the same conversion: it is not repeated');
    await tellTrimmed(context, before, ends.identity);
    return { value: before };
  }
  try {
    return { value: await convertOnOverlays(context, ends) };
  } catch (error) {
    throw located(error, { disks: vm.disks.map(({ name }) => name).join(', ') });
  }
};

/** For whoever needs a conversion that is on another worker, or was of what the source was before it changed. */
export async function convertAgain(context: StepContext, ends: Ends): Promise<Converted> {
  context.log('warning', 'this worker has no conversion of what was copied: converting again');
  return convertOnOverlays(context, ends);
}

async function convertOnOverlays(context: StepContext, ends: Ends): Promise<Converted> {
  const { vm, inOrder } = resultOf(context, 'preflight');
  const { disks } = resultOf(context, 'create-disks');
  await using servers = new AsyncDisposableStack();
  const overlayId = newId();
  await forgetConversion(context);
  forgetTrimmed(context);
  const temporary = (path: string): Promise<object> =>
    recorded(context, { kind: 'directory', key: path, planned: { path }, local: true }, async () => ({ path }));
  const link = socketLinkOf(context.directory);
  if (link !== null) {
    await temporary(link);
    await makeSocketLink(context.directory, link);
    servers.defer(() => removeOwn(link));
  }
  const overlays: Overlay[] = [];
  const read: (() => { readonly name: string; readonly bytes: number })[] = [];
  for (const [index, target] of disks.entries()) {
    const { diskId } = target;
    const disk = inOrder ? await ends.openTarget(target, { readOnly: true }) : await ends.openSource(vm, diskId);
    // Whoever applies it opens the same image to write to it, and a reader's lock would keep it out.
    if (inOrder) servers.defer(() => disk.close());
    const onError = (error: unknown, what: string): void =>
      context.log('warning', `disk ${diskId}: ${what}: ${String(error)}`);
    const options = { socketPath: `${link ?? context.directory}/s${index}`, exportName: '', readOnly: true, onError };
    await rm(options.socketPath, { force: true }); // of an attempt whose process was killed
    const server = await serveNbd(disk, options, context.signal);
    servers.defer(() => server.close());
    read.push(() => ({ name: diskName(vm, diskId), bytes: server.stats().bytesRead }));
    const path = `${context.directory}/overlay-${index}.qcow2`;
    const backing = { socketPath: server.socketPath, exportName: '' };
    const points = { intent: 'convert.overlay.intent', effect: 'convert.overlay.created' } as const;
    await recorded(context, { kind: 'overlay', key: path, planned: { path }, points, local: true }, async () => {
      await createOverlay({ path, backing, sizeBytes: disk.sizeBytes }, context.signal);
      return { path };
    });
    overlays.push({ diskId, path });
  }
  await temporary(shortcutOf(context.directory));
  await context.failPoint('convert.running');
  const { guest, warnings } = await convertGuest(
    {
      vm,
      overlays,
      directory: context.directory,
      onPhase: ({ phase, fraction }) => context.progress({ phase, fraction, disks: [] }),
      onTemporary: (path) => void temporary(path).catch((error: unknown) => context.log('warning', String(error))),
      onLog: (level, text) => context.log(level === 'info' ? 'tool' : level, text),
      accelerator: await probeAccelerator(context.signal),
    },
    context.signal,
  );
  for (const disk of read) context.log('info', `disk ${disk().name}: the conversion read ${disk().bytes} bytes of it`);
  const converted: Converted = { overlayId, overlays: [...overlays], guest, warnings: [...warnings] };
  if (!inOrder) await ends.sameSource(vm); // what it saw is what is copied beside it
  await keepConversion(context, converted, ends.identity);
  await tellTrimmed(context, converted, ends.identity);
  await context.failPoint('convert.done');
  return converted;
}
