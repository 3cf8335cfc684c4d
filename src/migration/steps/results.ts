/**
 * What steps leave for the steps after them. Results travel through the database as JSON, so each is checked when it is
 * read: a step that finds something else there is a newer or older Wherry's, and must not guess.
 */
import Type from 'typebox';
import Value from 'typebox/value';
import { Concern } from '../../model/concern.ts';
import { StringEnum } from '../../model/schema.ts';
import { GuestCapabilities, Vm } from '../../model/vm.ts';
import type { TargetDisk, TargetVm } from '../../providers/provider.ts';
import type { StepContext } from '../step.ts';
import type { StepName } from '../itinerary.ts';

const Ref = Type.Record(Type.String(), Type.String());
const TargetDiskSchema = Type.Unsafe<TargetDisk>(
  Type.Object({
    diskId: Type.String(),
    sizeBytes: Type.Integer(),
    format: StringEnum(['raw', 'qcow2']),
    ref: Ref,
  }),
);
const Spans = Type.Array(Type.Tuple([Type.Integer(), Type.Integer()]));
const TargetVmSchema = Type.Unsafe<TargetVm>(Type.Object({ name: Type.String(), ref: Ref }));

export const results = {
  preflight: Type.Object({
    vm: Vm,
    targetName: Type.String(),
    concerns: Type.Array(Concern),
    /** Whether the guest is to be converted. */
    conversion: Type.Boolean(),
    /** A disk can only be read in order: it is copied first and converted on the target copy. */
    inOrder: Type.Boolean(),
    /** The target takes each disk as one stream: it is converted first. */
    stream: Type.Optional(Type.Boolean()),
    /** What proves that each source disk is still the same, by disk id. */
    identity: Type.Record(Type.String(), Type.String()),
  }),
  'create-disks': Type.Object({ disks: Type.Array(TargetDiskSchema) }),
  copy: Type.Object({
    bytesMoved: Type.Integer(),
    /** Of the conversion that is part of what was copied (stream-only targets), where it was made again. */
    guest: Type.Optional(GuestCapabilities),
    /** What of the source was copied, where that is another one than preflight saw. */
    identity: Type.Optional(Type.Record(Type.String(), Type.String())),
    /** Chunks that were read back and found right while the copy ran, as runs of first and count, by disk id. */
    proved: Type.Optional(Type.Record(Type.String(), Spans)),
    /** Offsets and lengths that were left out, by disk id, because the conversion with these overlays had trimmed them. */
    discarded: Type.Optional(Type.Object({ overlayId: Type.String(), disks: Type.Record(Type.String(), Spans) })),
  }),
  convert: Type.Object({
    /** New with every conversion: an overlay is applied only as a whole, and only that one. */
    overlayId: Type.String(),
    overlays: Type.Array(Type.Object({ diskId: Type.String(), path: Type.String() })),
    guest: GuestCapabilities,
    warnings: Type.Array(Type.String()),
  }),
  'check-manifest': Type.Object({ identity: Type.Optional(Type.Record(Type.String(), Type.String())) }),
  apply: Type.Object({
    bytesApplied: Type.Integer(),
    /** Of the conversion that was applied; another one than `convert` left, where that was made again. */
    guest: Type.Optional(GuestCapabilities),
  }),
  'create-vm': Type.Object({ vm: TargetVmSchema }),
} as const;
type Results = typeof results;

/** The result of a step that must have run. */
export function resultOf<N extends keyof Results & StepName>(context: StepContext, step: N): Type.Static<Results[N]> {
  const value = maybeResultOf(context, step);
  if (value === null) throw new Error(`step ${step} has left no result`);
  return value;
}

/** The same, or null when the step was skipped or has not run. */
export function maybeResultOf<N extends keyof Results & StepName>(
  context: StepContext,
  step: N,
): Type.Static<Results[N]> | null {
  const value = context.lease.vmMigration.results[step];
  if (value === undefined || value === null || (value as { skipped?: boolean }).skipped === true) return null;
  return Value.Parse(results[step], value) as Type.Static<Results[N]>;
}
