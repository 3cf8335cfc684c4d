/**
 * The conversion that this worker has whole in the VM migration's directory: its overlays, and what is known of its guest.
 * It outlives attempts and retries; what it was made of is kept with it, so that one of something else is never taken for it.
 */
import { createHash } from 'node:crypto';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import Value from 'typebox/value';
import type Type from 'typebox';
import type { StepContext } from '../step.ts';
import { openRow } from './recorded.ts';
import { results, resultOf } from './results.ts';
import type { Identity } from './same-source.ts';

export type Converted = Type.Static<(typeof results)['convert']>;

/** The finished conversion of this very source with these very options; null when there is none here. */
export async function presentConversion(context: StepContext, identity: Identity): Promise<Converted | null> {
  const overlayId = (await readFile(overlayIdFile(context), 'utf8').catch(() => '')).trim();
  const text = await readFile(convertedFile(context), 'utf8').catch(() => '');
  if (overlayId === '' || text === '') return null;
  const kept: unknown = JSON.parse(text);
  if (typeof kept !== 'object' || kept === null || !('converted' in kept) || !('basis' in kept)) return null;
  const { converted, basis } = kept;
  if (!Value.Check(results.convert, converted) || converted.overlayId !== overlayId) return null;
  return basis === basisOf(context, identity) ? converted : null;
}

/** From now on there is none, until `keepConversion`. */
export async function forgetConversion(context: StepContext): Promise<void> {
  await rm(overlayIdFile(context), { force: true });
  await synced(context.directory); // a power cut must not bring it back over overlays that were begun anew
}

/** The server will be told that the conversion is done: its overlays must survive a power cut from then on. */
export async function keepConversion(context: StepContext, converted: Converted, identity: Identity): Promise<void> {
  const kept = JSON.stringify({ basis: basisOf(context, identity), converted });
  // The result is durable before the id: with that id in it, it belongs to these overlays.
  await writeFile(convertedFile(context), kept, { mode: 0o600, flush: true });
  for (const { path } of converted.overlays) await synced(path);
  await writeFile(overlayIdFile(context), `${converted.overlayId}\n`, { mode: 0o600, flush: true });
  await synced(context.directory);
}

/** Whether there is a whole conversion here, of whatever. */
export async function hasConversion(context: StepContext): Promise<boolean> {
  return (await readFile(overlayIdFile(context), 'utf8').catch(() => '')).trim() !== '';
}

/** All that a conversion's result depends on; when overlays lie on the target copy, that one too. */
function basisOf(context: StepContext, identity: Identity): string {
  const { vm, inOrder } = resultOf(context, 'preflight');
  const { conversion } = context.lease.vmMigration.spec.options;
  const behind = inOrder ? resultOf(context, 'create-disks').disks.map(({ diskId }) => rowId(context, diskId)) : [];
  return createHash('sha256')
    .update(JSON.stringify([vm, identity, conversion, behind]))
    .digest('hex');
}

function rowId(context: StepContext, diskId: string): string {
  return openRow(context, 'target-disk', diskId)?.id ?? '';
}

/** Says which conversion the overlays in this directory are the whole result of; missing while one is under way. */
function overlayIdFile(context: StepContext): string {
  return `${context.directory}/overlay-id`;
}

function convertedFile(context: StepContext): string {
  return `${context.directory}/converted.json`;
}

async function synced(path: string): Promise<void> {
  const file = await open(path, 'r');
  await file.sync();
  await file.close();
}
