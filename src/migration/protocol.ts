/**
 * What a worker and the server say to each other (DESIGN.md 2, "How a step is delivered"). Everything is HTTP with JSON
 * bodies under /api/v1/worker, over the server's unix socket or HTTPS. The worker always speaks first; the server answers
 * a lease request and the command request late (long poll).
 *
 *     hello      who I am; what I run on                     → lease and heartbeat periods
 *     lease      give me a step (with a request id)          → a lease, or nothing after `waitMs`
 *     heartbeat  these attempts live; progress, new journal  → per attempt: ok or stale
 *     commands   what should my attempts know                → answers when it differs from what I said I know
 *     ledger     intent before effect, and its outcome       → 410 when the attempt is stale
 *     checkpoint remember this for the next attempt          → 410 when the attempt is stale
 *     finish     the attempt ended like this                 → the same answer however often it is sent
 *     answer     the result of a call that came as a command
 *
 * How a worker keeps the inventory of providers is in inventory/protocol.ts.
 *
 * Every write that belongs to an attempt carries the attempt's token. A stale token is answered with 410 and
 * `migration.stale_attempt`, and changes nothing.
 */
import Type from 'typebox';
import type { StoredError } from '../model/errors.ts';
import { KeyedLimit, mostLimits } from '../model/limit.ts';
import { ProviderAccount } from '../model/provider.ts';
import { StringEnum } from '../model/schema.ts';
import { Vm } from '../model/vm.ts';
import { VmMigrationSpec } from '../model/spec.ts';

const Id = Type.String({ format: 'uuid' });
const Json = Type.Unknown();
export const StoredErrorSchema = Type.Unsafe<StoredError>(
  Type.Object({
    code: Type.String(),
    params: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
    causes: Type.Array(Type.String()),
  }),
);

export const Hello = Type.Object({
  workerId: Id,
  /** New with every start of the worker process: running attempts of an older one are lost at once. */
  bootId: Id,
  name: Type.String(),
  host: Type.String(),
  user: Type.String(),
  version: Type.String(),
  protocol: Type.Integer(),
  /** Target copies that have a private directory on this worker. */
  directories: Type.Optional(Type.Array(Id, { maxItems: 10_000 })),
});
export type Hello = Type.Static<typeof Hello>;
export const HelloAnswer = Type.Object({
  leaseMs: Type.Integer(),
  heartbeatMs: Type.Integer(),
  /** Of `directories`, those that nothing will ask for any more: ended with nothing left to undo, or unknown. */
  unwanted: Type.Array(Id),
});
export type HelloAnswer = Type.Static<typeof HelloAnswer>;

export const LeaseRequest = Type.Object({
  workerId: Id,
  bootId: Id,
  /** The same id asks for the same answer again: a lost answer must not become a second attempt. */
  requestId: Id,
  /** VM migrations that run here now. */
  load: Type.Integer(),
  waitMs: Type.Integer({ minimum: 0, maximum: 60_000 }),
});
export type LeaseRequest = Type.Static<typeof LeaseRequest>;

/** What is at a target that belongs to one source VM, as the ledger knows it. */
export const LedgerRow = Type.Object({
  id: Id,
  kind: StringEnum(['target-disk', 'target-vm', 'overlay', 'socket', 'directory', 'process']),
  state: StringEnum(['intended', 'created', 'removed', 'handed_over']),
  /** JSON, enough to find and remove the object without anything else. */
  ref: Json,
});
export type LedgerRow = Type.Static<typeof LedgerRow>;

export const Lease = Type.Object({
  protocol: Type.Integer(),
  token: Id,
  attempt: Type.Integer(),
  step: Type.Object({ id: Id, name: Type.String() }),
  vmMigration: Type.Object({
    id: Id,
    migrationId: Id,
    itinerary: Type.String(),
    itineraryVersion: Type.Integer(),
    spec: VmMigrationSpec,
    /** Null until preflight has told. */
    vm: Type.Union([Vm, Type.Null()]),
    targetCopyId: Id,
    /** Results of the steps that have succeeded, by step name. */
    results: Type.Record(Type.String(), Json),
  }),
  /** Rows that are open, newest last. */
  ledger: Type.Array(LedgerRow),
  checkpoint: Json,
  /** Provider secrets that this step needs, joined for this answer only. */
  secrets: Type.Record(Type.String(), Type.String()),
  /** With which a source on a web server is opened; absent: its address is enough, or this step does not open it. */
  account: Type.Optional(ProviderAccount),
  /** Of an asker who is no administrator: which directories of this worker are stores (worker/directories.ts). */
  restriction: Type.Optional(Type.Object({ stores: Type.Array(Type.String()) })),
  /** Why there is none although the source names one. */
  accessError: Type.Optional(StoredErrorSchema),
  /** Keys of all bandwidth limits that this attempt is under; which of them are set now, and how low, is in the commands. */
  limitKeys: Type.Array(Type.String()),
  leaseMs: Type.Integer(),
});
export type Lease = Type.Static<typeof Lease>;
export const LeaseAnswer = Type.Object({ lease: Type.Union([Lease, Type.Null()]) });
export type LeaseAnswer = Type.Static<typeof LeaseAnswer>;

/** The rate over time: [seconds since the copy began, bytes per second since the sample before], oldest first. */
export const RateSamples = Type.Array(Type.Tuple([Type.Number(), Type.Number()]), { maxItems: 120 });
export type RateSamples = Type.Static<typeof RateSamples>;

export const DiskProgress = Type.Object({
  diskId: Type.String(),
  /** Logical bytes dealt with, of `bytesTotal` logical bytes. */
  bytesDone: Type.Integer(),
  bytesTotal: Type.Integer(),
  /** Bytes that really travelled (holes do not). */
  bytesMoved: Type.Integer(),
  bytesPerSecond: Type.Number(),
  etaSeconds: Type.Union([Type.Number(), Type.Null()]),
  /** Shares of the time so far, each 0 to 1: what the copy waited for. Null for steps that are no copy. */
  waited: Type.Union([
    Type.Object({ source: Type.Number(), target: Type.Number(), cpu: Type.Number(), limiter: Type.Number() }),
    Type.Null(),
  ]),
  /** Of copies; kept apart from the rest when it arrives. */
  samples: Type.Optional(RateSamples),
});
export type DiskProgress = Type.Static<typeof DiskProgress>;

export const Progress = Type.Object({
  /** A short word for the phase inside the step ("inspecting", "converting"), empty when there is none. */
  phase: Type.String(),
  /** 0 to 1, null when unknown. */
  fraction: Type.Union([Type.Number(), Type.Null()]),
  disks: Type.Array(DiskProgress),
});
export type Progress = Type.Static<typeof Progress>;

/** A chunk of a disk whose source digest is known and whose target was flushed past it. Append only. */
export const JournalEntry = Type.Object({
  diskId: Type.String(),
  /** Index of the 64 MiB chunk. */
  chunk: Type.Integer({ minimum: 0 }),
  /** Hex SHA-256 over the leaves' digests. */
  digest: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  /** The digest is not the source's but that of the target's content after the conversion was applied and read back. */
  applied: Type.Optional(Type.Literal(true)),
});
export type JournalEntry = Type.Static<typeof JournalEntry>;

export const LogLine = Type.Object({
  time: Type.String(),
  level: StringEnum(['info', 'warning', 'error', 'tool']),
  text: Type.String({ maxLength: 4096 }),
});
export type LogLine = Type.Static<typeof LogLine>;

export const AttemptReport = Type.Object({
  token: Id,
  progress: Type.Union([Progress, Type.Null()]),
  journal: Type.Array(JournalEntry),
  log: Type.Array(LogLine),
});
export type AttemptReport = Type.Static<typeof AttemptReport>;
export const Heartbeat = Type.Object({ workerId: Id, bootId: Id, attempts: Type.Array(AttemptReport) });
export type Heartbeat = Type.Static<typeof Heartbeat>;
export const HeartbeatAnswer = Type.Object({
  attempts: Type.Array(Type.Object({ token: Id, state: StringEnum(['ok', 'stale']) })),
});
export type HeartbeatAnswer = Type.Static<typeof HeartbeatAnswer>;

/** What the API may ask of a worker: sources of one migration, and (`params.account`) providers, saved or not. */
export const CallMethod = StringEnum([
  'listVms',
  'describeVm',
  'checkProvider',
  'readProviderVm',
  'listProvider',
  'beginUpload',
  'uploadPart',
  'finishUpload',
  'cancelUpload',
]);
export type CallMethod = Type.Static<typeof CallMethod>;

/** A provider that a worker should watch; the token is new whenever it has to begin anew (inventory/protocol.ts). */
export const Watch = Type.Object({ providerId: Id, token: Id });
export type Watch = Type.Static<typeof Watch>;

/** The whole truth for this worker now, not a queue: what is lost is simply said again. */
export const Commands = Type.Object({
  /** Changes whenever anything below changes. */
  version: Type.String(),
  /** Attempts that should stop and be reported as canceled. */
  cancel: Type.Array(Id),
  /** Questions from the API that want an answer now, such as the list of VMs in a source; with the secrets they need. */
  calls: Type.Array(
    Type.Object({
      id: Id,
      method: CallMethod,
      params: Json,
      secrets: Type.Record(Type.String(), Type.String()),
    }),
  ),
  /** Providers whose inventory this worker reads and follows now (inventory/protocol.ts). */
  watches: Type.Array(Watch),
  /** Every bandwidth limit that may concern this worker: its share of each, over all its attempts that have the key. */
  limits: Type.Array(KeyedLimit, { maxItems: mostLimits }),
});
export type Commands = Type.Static<typeof Commands>;
export const CommandsRequest = Type.Object({ workerId: Id, bootId: Id, known: Type.String(), waitMs: Type.Integer() });
export type CommandsRequest = Type.Static<typeof CommandsRequest>;

export const LedgerWrite = Type.Object({ token: Id, row: LedgerRow });
export type LedgerWrite = Type.Static<typeof LedgerWrite>;
export const CheckpointWrite = Type.Object({ token: Id, checkpoint: Json });
export type CheckpointWrite = Type.Static<typeof CheckpointWrite>;

/**
 * How an attempt ended. `declined`: this worker cannot do it, another may. `lost`: the child died or was cut off, nothing
 * is known: the step goes on from its checkpoint. `released`: the worker ends in order; the same, and nothing is held
 * against the step. `failed`: it is no use trying again.
 */
export const Outcome = Type.Union([
  Type.Object({ kind: Type.Literal('succeeded'), result: Json }),
  Type.Object({ kind: Type.Literal('failed'), error: StoredErrorSchema }),
  Type.Object({ kind: Type.Literal('declined'), error: StoredErrorSchema }),
  Type.Object({ kind: Type.Literal('lost'), error: StoredErrorSchema }),
  Type.Object({ kind: Type.Literal('canceled') }),
  Type.Object({ kind: Type.Literal('released') }),
]);
export type Outcome = Type.Static<typeof Outcome>;
export const Finish = Type.Object({ report: AttemptReport, outcome: Outcome });
export type Finish = Type.Static<typeof Finish>;

/** What an attempt asks for when its own journal is gone: the chunks of a disk that the server was told of. */
export const ChunksRequest = Type.Object({
  token: Id,
  diskId: Type.String(),
  /** The disk is copied anew (its source changed): what earlier attempts journaled is void from now on. */
  startOver: Type.Optional(Type.Boolean()),
  /** Why, for people. */
  why: Type.Optional(Type.String({ maxLength: 16_384 })),
  /**
   * What proves that source and target disk are still the same. The server compares it with what the chunks that it has are
   * about; when that is something else, they are void too.
   */
  identity: Type.Optional(Type.String({ maxLength: 16_384 })),
});
export type ChunksRequest = Type.Static<typeof ChunksRequest>;
export const ChunksAnswer = Type.Object({
  chunks: Type.Array(JournalEntry),
  /** Why what was told before is void; null when it counts, or there was nothing. */
  startedOver: Type.Optional(Type.Union([Type.String(), Type.Null()])),
});
export type ChunksAnswer = Type.Static<typeof ChunksAnswer>;

export const CallAnswer = Type.Object({
  callId: Id,
  result: Type.Union([Json, Type.Null()]),
  error: Type.Union([StoredErrorSchema, Type.Null()]),
});
export type CallAnswer = Type.Static<typeof CallAnswer>;
