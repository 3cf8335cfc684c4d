/**
 * What the API shows of migrations. The console, the CLI and the OpenAPI document are built on these schemas. Times are
 * ISO 8601 in UTC, sizes bytes, rates bytes per second, `fraction` 0 to 1 (null: unknown). Texts (`message`, `text`) are
 * made when shown; what is stored is the code and its parameters beside them.
 */
import Type from 'typebox';
import { Concern } from '../model/concern.ts';
import { BytesPerSecond, LimitScope } from '../model/limit.ts';
import { StringEnum } from '../model/schema.ts';
import { ShownError } from '../model/shown-error.ts';
import { MigrationOptions, VmMigrationSpec } from '../model/spec.ts';
import { Vm, VmSummary } from '../model/vm.ts';
import { DiskProgress, LedgerRow, LogLine, RateSamples } from './protocol.ts';
import {
  type Cancelation,
  cancelationMoves,
  type MigrationState,
  migrationMoves,
  type StepState,
  stepMoves,
  type VmMigrationState,
  vmMigrationMoves,
} from './states.ts';

/** The names of a table of moves, as an `enum`. */
function statesOf<S extends string>(moves: Readonly<Record<S, readonly string[]>>) {
  return Type.Unsafe<S>({ type: 'string', enum: Object.keys(moves) });
}
export const MigrationStateSchema = statesOf<MigrationState>(migrationMoves);
export const VmMigrationStateSchema = statesOf<VmMigrationState>(vmMigrationMoves);
export const CancelationSchema = statesOf<Cancelation>(cancelationMoves);
export const StepStateSchema = statesOf<StepState>(stepMoves);

const Id = Type.String({ format: 'uuid' });
const Time = Type.String({ format: 'date-time' });
const Maybe = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Params = Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()]));

export { ShownError } from '../model/shown-error.ts';

/** Why a VM migration does not run now. */
export const WaitReason = Type.Object({ code: Type.String(), params: Params, text: Type.String() });
export type WaitReason = Type.Static<typeof WaitReason>;

/** A concern with its texts: `text` what was found, `next` what to do about it. */
export const ShownConcern = Type.Object({ ...Concern.properties, text: Type.String(), next: Type.String() });
export type ShownConcern = Type.Static<typeof ShownConcern>;

/** Something at the target or on a worker that could not be removed; `what` names it as its own tools would. */
export const LeftBehind = Type.Object({ ...LedgerRow.properties, what: Type.String() });
export type LeftBehind = Type.Static<typeof LeftBehind>;

/** What a copy waits for most: `share` of its time, 0 to 1; `text`: "waiting for the source 71 %". */
export const Bottleneck = Type.Object({
  station: StringEnum(['source', 'target', 'cpu', 'limiter']),
  share: Type.Number(),
  text: Type.String(),
});
export type Bottleneck = Type.Static<typeof Bottleneck>;

/** One disk over all steps: what the step that deals with it now (or dealt last) has reported. */
export const DiskView = Type.Object({
  diskId: Type.String(),
  name: Type.String(),
  /** The step that reported last: copy, verify, apply ...; empty when none has yet. */
  step: Type.String(),
  sizeBytes: Maybe(Type.Integer()),
  bytesDone: Type.Integer(),
  bytesTotal: Type.Integer(),
  /** Bytes that really travelled: holes do not. */
  bytesMoved: Type.Integer(),
  bytesPerSecond: Type.Number(),
  etaSeconds: Maybe(Type.Number()),
  /** Shares of the time, each 0 to 1: what the copy waited for. */
  waited: DiskProgress.properties.waited,
  /** Null where nothing was measured: steps that are no copy. */
  bottleneck: Maybe(Bottleneck),
});
export type DiskView = Type.Static<typeof DiskView>;

export const StepView = Type.Object({
  id: Id,
  name: Type.String(),
  after: Type.Array(Type.String()),
  state: StepStateSchema,
  /** Attempts begun so far. */
  attempts: Type.Integer(),
  worker: Maybe(Type.Object({ id: Id, name: Type.String() })),
  startedAt: Maybe(Time),
  endedAt: Maybe(Time),
  /** A short word for what goes on inside ("inspecting"); empty when there is none. */
  phase: Type.String(),
  fraction: Maybe(Type.Number()),
  disks: Type.Array(DiskProgress),
  error: Maybe(ShownError),
});
export type StepView = Type.Static<typeof StepView>;

const progressFields = {
  fraction: Maybe(Type.Number()),
  bytesDone: Type.Integer(),
  bytesTotal: Type.Integer(),
  bytesPerSecond: Type.Number(),
  etaSeconds: Maybe(Type.Number()),
};

export const VmMigrationView = Type.Object({
  id: Id,
  migrationId: Id,
  targetCopyId: Id,
  /** The VM's name in the source, as well as it is known: before preflight, the id asked for or the file's name. */
  vmName: Type.String(),
  targetName: Type.String(),
  state: VmMigrationStateSchema,
  cancelation: CancelationSchema,
  canceledBy: Maybe(Type.String()),
  /** Whether asking for cancelation would be accepted now. */
  cancelable: Type.Boolean(),
  spec: VmMigrationSpec,
  /** Null until preflight has told. */
  vm: Maybe(Vm),
  concerns: Type.Array(ShownConcern),
  waitReason: Maybe(WaitReason),
  error: Maybe(ShownError),
  /** What undoing ran into, beside the first error. */
  undoError: Maybe(ShownError),
  /** Open ledger rows of an ended VM migration: what could not be removed, or was `kept`. */
  leftBehind: Type.Array(LeftBehind),
  /** Whether `POST …/undo`, which removes it, would be accepted now: not from the hand-over on. */
  undoable: Type.Boolean(),
  /** Whether `POST …/finish` would be accepted now: the hand-over failed, and what is missing of it can be done. */
  finishable: Type.Boolean(),
  /** What is left behind was left on purpose, for a retry. */
  kept: Type.Boolean(),
  /** The VM migration that this one does again, and the one that does this one again. */
  retryOf: Maybe(Type.Object({ id: Id, migrationId: Id })),
  retriedBy: Maybe(Type.Object({ id: Id, migrationId: Id })),
  /** Whether asking for a retry would be accepted now. */
  retryable: Type.Boolean(),
  steps: Type.Array(StepView),
  disks: Type.Array(DiskView),
  ...progressFields,
  createdAt: Time,
  startedAt: Maybe(Time),
  endedAt: Maybe(Time),
});
export type VmMigrationView = Type.Static<typeof VmMigrationView>;

export const Counts = Type.Object({
  total: Type.Integer(),
  /** planned, approved and queued. */
  queued: Type.Integer(),
  running: Type.Integer(),
  completed: Type.Integer(),
  failed: Type.Integer(),
  canceled: Type.Integer(),
});
export type Counts = Type.Static<typeof Counts>;

/** A bandwidth limit. `name`: what people know its subject by. */
export const LimitView = Type.Object({
  scope: LimitScope,
  id: Type.String(),
  name: Type.String(),
  bytesPerSecond: Type.Integer(),
  setBy: Type.String(),
  setAt: Time,
});
export type LimitView = Type.Static<typeof LimitView>;
export const LimitList = Type.Object({ items: Type.Array(LimitView) });
/** `bytesPerSecond` null lifts the limit. */
export const SetLimits = Type.Object(
  {
    limits: Type.Array(
      Type.Object(
        {
          scope: LimitScope,
          id: Type.String({ minLength: 1, maxLength: 255 }),
          bytesPerSecond: Maybe(BytesPerSecond),
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 1000 },
    ),
  },
  { additionalProperties: false },
);
export type SetLimits = Type.Static<typeof SetLimits>;
/** A limit that something is under. */
export const LimitOver = Type.Object({ scope: LimitScope, id: Type.String(), bytesPerSecond: Type.Integer() });
export type LimitOver = Type.Static<typeof LimitOver>;

/** How fast a disk's copies went (one for each attempt, oldest first), and what each waited for. */
export const DiskRates = Type.Object({
  diskId: Type.String(),
  copies: Type.Array(Type.Object({ beganAt: Time, samples: RateSamples, waited: DiskProgress.properties.waited })),
});
export type DiskRates = Type.Static<typeof DiskRates>;
export const Rates = Type.Object({ disks: Type.Array(DiskRates) });
export type Rates = Type.Static<typeof Rates>;

const migrationFields = {
  id: Id,
  name: Type.String(),
  state: MigrationStateSchema,
  counts: Counts,
  /** Bandwidth limits that its copies are under now; its own also before anything is copied. */
  limits: Type.Array(LimitOver),
  ...progressFields,
  createdBy: Type.String(),
  createdAt: Time,
  startedAt: Maybe(Time),
  endedAt: Maybe(Time),
};
export const MigrationSummary = Type.Object({
  ...migrationFields,
  /** One per failed VM, at most 20. */
  errors: Type.Array(Type.Object({ vmMigrationId: Id, vmName: Type.String(), error: ShownError })),
  /** What its VMs wait for: of the first that waits. */
  waitReason: Maybe(WaitReason),
  /** The steps that run now, and for how many VMs each. */
  running: Type.Array(Type.Object({ step: Type.String(), vms: Type.Integer() })),
  /** VMs of which something was left behind. */
  leftBehind: Type.Integer(),
});
export type MigrationSummary = Type.Static<typeof MigrationSummary>;
export const MigrationView = Type.Object({
  ...migrationFields,
  errors: MigrationSummary.properties.errors,
  waitReason: MigrationSummary.properties.waitReason,
  running: MigrationSummary.properties.running,
  leftBehind: MigrationSummary.properties.leftBehind,
  vmMigrations: Type.Array(VmMigrationView),
});
export type MigrationView = Type.Static<typeof MigrationView>;

/** Newest first. `next` goes into `?after=` for the next page; null: this was the last. */
export const MigrationPage = Type.Object({ items: Type.Array(MigrationSummary), next: Maybe(Type.String()) });
export type MigrationPage = Type.Static<typeof MigrationPage>;

export const CreateMigration = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    vms: Type.Array(VmMigrationSpec, { minItems: 1, maxItems: 1000 }),
  },
  { additionalProperties: false },
);
export type CreateMigration = Type.Static<typeof CreateMigration>;

/** What of the options is to be otherwise this time; what is not named stays as it was. */
export const RetryVmMigration = Type.Object(
  { options: Type.Optional(Type.Partial(MigrationOptions)) },
  { additionalProperties: false },
);
export type RetryVmMigration = Type.Static<typeof RetryVmMigration>;

/** `keep`: what was copied stays at the target for a retry, instead of being removed. */
export const CancelVmMigration = Type.Object({ keep: Type.Optional(Type.Boolean()) }, { additionalProperties: false });
export type CancelVmMigration = Type.Static<typeof CancelVmMigration>;

/** `gone`: what is not found was removed for good by its owner, and is waited for no longer. Nothing that is there is touched by it. */
export const EndVmMigration = Type.Object({ gone: Type.Optional(Type.Boolean()) }, { additionalProperties: false });
export type EndVmMigration = Type.Static<typeof EndVmMigration>;

export const AttemptView = Type.Object({
  id: Id,
  step: Type.String(),
  number: Type.Integer(),
  worker: Type.Object({ id: Id, name: Type.String() }),
  startedAt: Time,
  endedAt: Maybe(Time),
  /** Null while it runs. */
  outcome: Maybe(StringEnum(['succeeded', 'failed', 'declined', 'lost', 'canceled', 'released'])),
  error: Maybe(ShownError),
});
export type AttemptView = Type.Static<typeof AttemptView>;

export const LedgerRowView = Type.Object({ ...LedgerRow.properties, createdAt: Time, updatedAt: Time });
export type LedgerRowView = Type.Static<typeof LedgerRowView>;

/** One VM migration with everything that is kept about it. */
export const VmMigrationDetail = Type.Object({
  ...VmMigrationView.properties,
  itinerary: Type.Object({ name: Type.String(), version: Type.Integer() }),
  ledger: Type.Array(LedgerRowView),
  attempts: Type.Array(AttemptView),
  /** 64 MiB chunks whose digest is known, per disk. */
  chunks: Type.Array(Type.Object({ diskId: Type.String(), count: Type.Integer() })),
});
export type VmMigrationDetail = Type.Static<typeof VmMigrationDetail>;

export const LogPage = Type.Object({
  /** Oldest first. `number` grows by time; ask with `?after=` for what came since. */
  lines: Type.Array(Type.Object({ number: Type.Integer(), step: Type.String(), ...LogLine.properties })),
  /** Lines that were left out because a VM migration's log is bounded. */
  dropped: Type.Integer(),
  next: Maybe(Type.Integer()),
});
export type LogPage = Type.Static<typeof LogPage>;

export const WorkerView = Type.Object({
  id: Id,
  name: Type.String(),
  host: Type.String(),
  user: Type.String(),
  version: Type.String(),
  /** `alive`: its last word is younger than a lease. */
  alive: Type.Boolean(),
  lastSeenAt: Time,
  /** VM migrations that it works on. */
  load: Type.Integer(),
  /** Bandwidth limits of this worker and of its host. */
  limits: Type.Array(LimitOver),
});
export type WorkerView = Type.Static<typeof WorkerView>;

/** `workerId`: ask this worker (paths are its own); else the least loaded one that lives. */
export const ListSource = Type.Object(
  { source: VmMigrationSpec.properties.source, workerId: Type.Optional(Id) },
  { additionalProperties: false },
);
export type ListSource = Type.Static<typeof ListSource>;
export const DescribeSource = Type.Object(
  { ...ListSource.properties, vm: VmMigrationSpec.properties.vm },
  { additionalProperties: false },
);
export type DescribeSource = Type.Static<typeof DescribeSource>;
export const SourceVms = Type.Object({ vms: Type.Array(VmSummary) });
export const SourceVm = Type.Object({ vm: Vm });
