/**
 * Steps run by hand, with real sources and targets (image files, qemu-nbd) and what a server and a worker would keep of them
 * in memory. A conversion is an overlay that a test writes itself: what virt-v2v would do is not the point here.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '../../src/model/ids.ts';
import type { FailPoint } from '../../src/model/fail-points.ts';
import type { MigrationOptions, VmMigrationSpec } from '../../src/model/spec.ts';
import type { JournalEntry, Lease, LedgerRow } from '../../src/migration/protocol.ts';
import type { Step, StepContext } from '../../src/migration/step.ts';
import { steps } from '../../src/migration/steps/all.ts';
import { forgetConversion, keepConversion } from '../../src/migration/steps/conversions.ts';
import { copiedIdentity } from '../../src/migration/steps/same-source.ts';
import { tellTrimmed } from '../../src/migration/steps/trimmed.ts';
import type { StepName } from '../../src/migration/itinerary.ts';
import { runChild } from '../../src/process/child.ts';
import type { Providers } from '../../src/providers/provider.ts';
import { createProviders } from '../../src/wiring.ts';
import { testGuest } from '../../src/providers/domain/test-vm.ts';

export const MiB = 1024 * 1024;

/** What outlives VM migrations: the target copy with its ledger, chunks and directory. */
export type Copy = {
  readonly id: string;
  readonly root: string;
  readonly source: string;
  readonly out: string;
  directory: string;
  readonly ledger: Map<string, LedgerRow>;
  chunks: JournalEntry[];
  identity: string | null;
};

export type Run = {
  readonly log: string[];
  readonly reached: FailPoint[];
  readonly results: Record<string, unknown>;
  readonly checkpoints: Map<string, unknown>;
  /** Called at each fail point: may throw, wait, or change what is outside. */
  at: (point: FailPoint) => Promise<void> | void;
  /** Called when a row is durable: may throw. */
  onLedger: (row: LedgerRow) => void;
  context(step: string): StepContext;
  step(name: StepName): Promise<unknown>;
  /** As if virt-v2v had made these changes (qemu-io commands) of the first disk. */
  convert(...changes: string[]): Promise<void>;
};

export async function newCopy(sizeMiB: number, data: (offset: number) => boolean): Promise<Copy & AsyncDisposable> {
  const root = await mkdtemp(join(tmpdir(), 'wherry-steps-'));
  const source = join(root, 'source.raw');
  const file = await open(source, 'w');
  await file.truncate(sizeMiB * MiB);
  const part = randomBytes(MiB);
  for (let at = 0; at < sizeMiB; at += 1) {
    part.writeUInt32LE(at); // no two alike
    if (data(at)) await file.write(part, 0, MiB, at * MiB);
  }
  await file.close();
  const out = join(root, 'out');
  const directory = join(root, 'work');
  for (const each of [out, directory]) await mkdir(each, { mode: 0o700 });
  return {
    id: newId(),
    root,
    source,
    out,
    directory,
    ledger: new Map(),
    chunks: [],
    identity: null,
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

export function newRun(
  copy: Copy,
  how: {
    format?: 'raw' | 'qcow2';
    compressed?: boolean;
    options?: Partial<MigrationOptions>;
    checkpoints?: Record<string, unknown>;
    providers?: Providers;
    signal?: AbortSignal;
  } = {},
): Run {
  const spec: VmMigrationSpec = {
    source: { type: 'files', paths: [copy.source], name: 'web' },
    vm: null,
    target: {
      type: 'files',
      directory: copy.out,
      format: how.format ?? 'raw',
      networks: {},
      ...(how.compressed === true && { compressed: true }),
    },
    targetName: null,
    options: { conversion: 'always', verify: 'full', power: 'as-source', ...how.options },
  };
  const id = newId();
  const token = newId();
  const run: Run = {
    log: [],
    reached: [],
    results: {},
    checkpoints: new Map(Object.entries(how.checkpoints ?? {})),
    at: () => undefined,
    onLedger: () => undefined,
    context: (name) => contextOf(name),
    step: async (name) => {
      const code: Step = steps[name];
      const result = await code(contextOf(name));
      run.results[name] = result.skipped === true ? { skipped: true } : result.value;
      return run.results[name];
    },
    convert: async (...changes) => {
      const context = contextOf('convert');
      await forgetConversion(context);
      const path = join(copy.directory, 'overlay-0.qcow2');
      await runChild('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', copy.source, path]);
      const words = changes.flatMap((change) => ['-c', change]);
      await runChild('qemu-io', ['-f', 'qcow2', '-d', 'unmap', ...words, path]);
      const [disk] = (run.results['create-disks'] as { disks: { diskId: string }[] }).disks;
      const overlays = [{ diskId: disk?.diskId ?? '', path }];
      const converted = { overlayId: newId(), overlays, guest: testGuest(), warnings: [] };
      const identity = copiedIdentity(context);
      await keepConversion(context, converted, identity);
      await tellTrimmed(context, converted, identity);
      run.results['convert'] = converted;
    },
  };
  const contextOf = (name: string): StepContext => ({
    get lease(): Lease {
      const { vm } = (run.results['preflight'] ?? { vm: null }) as { vm: null };
      return {
        protocol: 2,
        token,
        attempt: 1,
        step: { id: newId(), name },
        vmMigration: {
          id,
          migrationId: id,
          itinerary: 'cold',
          itineraryVersion: 1,
          spec,
          vm,
          targetCopyId: copy.id,
          results: structuredClone(run.results),
        },
        ledger: [...copy.ledger.values()].filter(({ state }) => state === 'intended' || state === 'created'),
        checkpoint: run.checkpoints.get(name) ?? null,
        secrets: {},
        limitKeys: [],
        leaseMs: 60_000,
      };
    },
    signal: how.signal ?? new AbortController().signal,
    providers: how.providers ?? createProviders(),
    directory: copy.directory,
    mayAct: async () => undefined,
    progress: () => undefined,
    // Digests of what was applied are kept apart from those of the source.
    journal: (entries) => void copy.chunks.push(...entries.filter(({ applied }) => applied !== true)),
    log: (level, text) => void run.log.push(`${level}: ${text}`),
    ledger: async (row) => {
      copy.ledger.set(row.id, row);
      run.onLedger(row);
    },
    checkpoint: async (value) => void run.checkpoints.set(name, structuredClone(value)),
    chunks: async (diskId, { identity, startOver } = {}) => {
      const changed = identity !== undefined && copy.identity !== null && copy.identity !== identity;
      const why = startOver ?? (changed ? 'it is about something else' : null);
      const some = copy.chunks.length > 0;
      if (why !== null) copy.chunks = [];
      if (identity !== undefined) copy.identity = identity;
      const chunks = copy.chunks.filter((entry) => entry.diskId === diskId);
      return { chunks, startedOver: some ? why : null };
    },
    limit: { rate: () => null, take: async () => undefined },
    failPoint: async (point) => {
      run.reached.push(point);
      await run.at(point);
    },
  });
  return run;
}

/** The logical content of the first target disk, as qemu reads it. */
export async function targetDigest(copy: Copy, format: 'raw' | 'qcow2' = 'raw'): Promise<string> {
  return digestOf(await partialOf(copy, format), format);
}

export async function partialOf(copy: Copy, format: 'raw' | 'qcow2' = 'raw'): Promise<string> {
  return join(copy.out, `web-disk0.${format}.${copy.id}.partial`);
}

export async function digestOf(path: string, format: 'raw' | 'qcow2'): Promise<string> {
  if (format === 'raw') return sha256(path);
  const raw = `${path}.digest`;
  await runChild('qemu-img', ['convert', '-f', format, '-O', 'raw', path, raw]);
  try {
    return await sha256(raw);
  } finally {
    await rm(raw);
  }
}

async function sha256(path: string): Promise<string> {
  return (await runChild('openssl', ['dgst', '-sha256', '-r', path])).slice(0, 64);
}

/** What the target should be: the source with an overlay's changes. */
export async function expectedDigest(copy: Copy, ...changes: string[]): Promise<string> {
  const path = join(copy.root, 'expected.raw');
  await runChild('cp', ['--sparse=always', copy.source, path]);
  if (changes.length > 0) {
    const words = changes.flatMap((change) => ['-c', change.replace(/^discard /, 'write -z ')]);
    await runChild('qemu-io', ['-f', 'raw', ...words, path]);
  }
  return digestOf(path, 'raw');
}
