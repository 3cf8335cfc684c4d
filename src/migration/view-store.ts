/** What the API shows, read from the rows. Nothing here changes anything. */
import type { Db, Executor } from '../db/db.ts';
import { explain, type StoredError, WherryError } from '../model/errors.ts';
import { shown } from '../model/shown-error.ts';
import { isEnded, isPastReturn, isStopping } from './advance.ts';
import type { MigrationPage, MigrationSummary, MigrationView, ShownConcern, StepView, VmMigrationView } from './api.ts';
import { undoRefusal } from './cancel-store.ts';
import { finishRefusal } from './hand-over-store.ts';
import { isKeeping } from './keep.ts';
import { countsOf } from './migration-state.ts';
import { stepNames } from './itinerary.ts';
import { limitsOfMigrations } from './limit-store.ts';
import { disksOf, type Overall, progressOf, sumOf } from './progress-of.ts';
import { retryRefusal } from './retry-store.ts';
import { type MigrationRow, nameOf, type StepRow, undoStepOf, type VmRow } from './rows-store.ts';
import { endStates, type MigrationState } from './states.ts';

export { shown } from '../model/shown-error.ts';

export type PageRequest = {
  readonly after?: string;
  readonly state?: MigrationState;
  /** Only those that have ended, or only those that have not. */
  readonly ended?: boolean;
  readonly limit: number;
};

/** Newest first. Keyset: `after` is the last id of the page before. */
export async function listMigrations(db: Db, page: PageRequest): Promise<MigrationPage> {
  let query = db.kysely
    .selectFrom('migration')
    .selectAll()
    .orderBy('id', 'desc')
    .limit(page.limit + 1);
  if (page.after !== undefined) query = query.where('id', '<', page.after);
  if (page.state !== undefined) query = query.where('state', '=', page.state);
  if (page.ended !== undefined) query = query.where('state', page.ended ? 'in' : 'not in', endStates.migration);
  const rows = await query.execute();
  const shownRows = rows.slice(0, page.limit);
  const views = await viewsOfMigrations(db.kysely, shownRows);
  const items = views.map(({ vmMigrations: _vmMigrations, ...summary }): MigrationSummary => summary);
  return { items, next: rows.length > page.limit ? (items.at(-1)?.id ?? null) : null };
}

/** @throws request.not_found */
export async function readMigration(db: Executor, id: string): Promise<MigrationView> {
  const row = await db.selectFrom('migration').selectAll().where('id', '=', id).executeTakeFirst();
  const [view] = row === undefined ? [] : await viewsOfMigrations(db, [row]);
  if (view === undefined) throw new WherryError('request.not_found', { kind: 'migration', id });
  return view;
}

/** As many queries for a hundred migrations as for one. */
async function viewsOfMigrations(db: Executor, rows: readonly MigrationRow[]): Promise<MigrationView[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  const vms = await db
    .selectFrom('vm_migration')
    .selectAll()
    .where('migration_id', 'in', ids)
    .orderBy('position')
    .execute();
  const vmsOf = Map.groupBy(vms, ({ migration_id }) => migration_id);
  const views = Map.groupBy(await viewsOf(db, vms), ({ migrationId }) => migrationId);
  const limitsOf = await limitsOfMigrations(db);
  return rows.map((row) => {
    const limits = limitsOf(row.id, vmsOf.get(row.id) ?? []);
    return migrationViewOf(row, limits, views.get(row.id) ?? []);
  });
}

function migrationViewOf(row: MigrationRow, limits: MigrationView['limits'], views: VmMigrationView[]): MigrationView {
  const errors = views.flatMap(({ id: vmMigrationId, vmName, error }) =>
    error === null ? [] : [{ vmMigrationId, vmName, error }],
  );
  return {
    id: row.id,
    name: row.name,
    state: row.state,
    counts: countsOf(views.map(({ state }) => state)),
    limits,
    ...sumOf(views),
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    startedAt: iso(row.started_at),
    endedAt: iso(row.ended_at),
    errors: errors.slice(0, 20),
    waitReason: views.find(({ waitReason }) => waitReason !== null)?.waitReason ?? null,
    running: runningSteps(views),
    leftBehind: views.filter(({ leftBehind, kept }) => leftBehind.length > 0 && !kept).length,
    vmMigrations: views,
  };
}

/** In the order of the itinerary. A VM that runs two steps counts for both. */
function runningSteps(views: readonly VmMigrationView[]): MigrationSummary['running'] {
  const names = views.flatMap(({ steps }) => steps.filter(({ state }) => state === 'running').map(({ name }) => name));
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return stepNames.flatMap((step) => (counts.has(step) ? [{ step, vms: counts.get(step) ?? 0 }] : []));
}

/** @throws request.not_found */
export async function readVmMigration(db: Executor, id: string): Promise<{ row: VmRow; view: VmMigrationView }> {
  const row = await db.selectFrom('vm_migration').selectAll().where('id', '=', id).executeTakeFirst();
  const [view] = row === undefined ? [] : await viewsOf(db, [row]);
  if (row === undefined || view === undefined) throw new WherryError('request.not_found', { kind: 'VM migration', id });
  return { row, view };
}

async function viewsOf(db: Executor, vms: readonly VmRow[]): Promise<VmMigrationView[]> {
  if (vms.length === 0) return [];
  const ids = vms.map(({ id }) => id);
  const steps = await db
    .selectFrom('step')
    .leftJoin('worker', 'worker.id', 'step.worker_id')
    .selectAll('step')
    .select('worker.name as worker_name')
    .where('vm_migration_id', 'in', ids)
    .orderBy('position')
    .orderBy('step.id')
    .execute();
  const open = await db
    .selectFrom('ledger')
    .select(['id', 'kind', 'state', 'ref', 'vm_migration_id'])
    .where('vm_migration_id', 'in', ids)
    .where('state', 'in', ['intended', 'created'])
    .orderBy('number')
    .execute();
  const relatives = await db
    .selectFrom('vm_migration')
    .select(['id', 'migration_id', 'retry_of'])
    .where((where) =>
      where.or([
        where('retry_of', 'in', ids),
        where(
          'id',
          'in',
          where.selectFrom('vm_migration as again').select('again.retry_of').where('again.id', 'in', ids),
        ),
      ]),
    )
    .execute();
  const stepsOf = Map.groupBy(steps, ({ vm_migration_id }) => vm_migration_id);
  const rowsOf = Map.groupBy(open, ({ vm_migration_id }) => vm_migration_id);
  const related = (found: (typeof relatives)[number] | undefined): VmMigrationView['retryOf'] =>
    found === undefined ? null : { id: found.id, migrationId: found.migration_id };
  return vms.map((vm) => {
    const left = isEnded(vm.state) ? (rowsOf.get(vm.id) ?? []) : [];
    return viewOf(vm, {
      steps: stepsOf.get(vm.id) ?? [],
      leftBehind: left.map(({ id, kind, state, ref }) => ({ id, kind, state, ref, what: whatIs(ref) })),
      retryOf: related(relatives.find(({ id }) => id === vm.retry_of)),
      retriedBy: related(relatives.find(({ retry_of }) => retry_of === vm.id)),
    });
  });
}

type Around = Pick<VmMigrationView, 'leftBehind' | 'retryOf' | 'retriedBy'> & {
  readonly steps: ReadonlyArray<StepRow & { worker_name: string | null }>;
};

function viewOf(row: VmRow, { steps, ...around }: Around): VmMigrationView {
  const undo = undoStepOf({ steps });
  const facts = { ...row, pointOfNoReturn: row.itinerary.pointOfNoReturn, steps };
  const overall = progressOf(
    steps.filter(({ name }) => name !== 'undo'),
    row.vm?.disks ?? null,
  );
  return {
    id: row.id,
    migrationId: row.migration_id,
    targetCopyId: row.target_copy_id,
    vmName: nameOf(row),
    targetName: row.target_name ?? nameOf(row),
    state: row.state,
    cancelation: row.cancelation,
    canceledBy: row.canceled_by,
    cancelable: !isEnded(row.state) && !isStopping(row) && !isPastReturn(facts),
    spec: row.spec,
    vm: row.vm,
    concerns: row.concerns.map(shownConcern),
    waitReason: waitOf(row),
    error: shown(row.error),
    undoError: shown(row.undo_error),
    ...around,
    undoable: undoRefusal({ row, steps }, around.leftBehind.length) === null,
    finishable: finishRefusal({ row, steps }) === null,
    kept: around.leftBehind.length > 0 && undo?.state === 'succeeded' && isKeeping(undo.checkpoint),
    retryable: around.retriedBy === null && retryRefusal({ row, steps }) === null,
    steps: steps.map(stepView),
    disks: disksOf(steps, row.vm?.disks ?? []),
    ...atEnd(row, overall),
    createdAt: row.created_at.toISOString(),
    startedAt: iso(row.started_at),
    endedAt: iso(row.ended_at),
  };
}

/** What has ended has no rate and no time left, and what is completed is so wholly. */
function atEnd(row: VmRow, overall: Overall): Overall {
  if (!isEnded(row.state)) return overall;
  const fraction = row.state === 'completed' ? 1 : overall.fraction;
  return { ...overall, fraction, bytesPerSecond: 0, etaSeconds: null };
}

function shownConcern(concern: VmRow['concerns'][number]): ShownConcern {
  // Stored by us from the catalogue; an older server's code is shown as it is.
  const code = concern.code as StoredError['code'];
  const { message, next } = explain({ code, params: concern.params, causes: [] });
  return { ...concern, text: message, next };
}

/** An external object by the names that its own tools know: "/var/x.qcow2", "pool default, volume x.qcow2". */
export function whatIs(ref: unknown): string {
  if (typeof ref !== 'object' || ref === null) return '';
  // The provider's own handle says more than what all have.
  const handle = 'ref' in ref && typeof ref.ref === 'object' && ref.ref !== null ? ref.ref : {};
  const told = new Map<string, unknown>(Object.entries({ ...ref, ...handle }));
  const path = told.get('path') ?? told.get('directory');
  if (typeof path === 'string') return path;
  const names = ['uri', 'pool', 'volume', 'name', 'pid', 'uuid'].flatMap((name) => {
    const value = told.get(name);
    return typeof value === 'string' || typeof value === 'number' ? [`${name} ${value}`] : [];
  });
  const key = told.get('key');
  return names.length === 0 && typeof key === 'string' ? key : names.join(', ');
}

function waitOf(row: VmRow): VmMigrationView['waitReason'] {
  if (row.wait_reason === null) return null;
  const { code, params } = row.wait_reason;
  // Stored by us from the catalogue; an older server's code is shown as it is.
  const text = explain({ code: code as StoredError['code'], params, causes: [] }).message;
  return { code, params, text };
}

function stepView(step: StepRow & { worker_name: string | null }): StepView {
  return {
    id: step.id,
    name: step.name,
    after: step.after,
    state: step.state,
    attempts: step.attempts,
    worker: step.worker_id === null ? null : { id: step.worker_id, name: step.worker_name ?? '' },
    startedAt: iso(step.started_at),
    endedAt: iso(step.ended_at),
    phase: step.state === 'running' ? (step.progress?.phase ?? '') : '',
    fraction: step.state === 'succeeded' ? 1 : (step.progress?.fraction ?? null),
    disks: step.progress?.disks ?? [],
    error: shown(step.error),
  };
}

export function iso(time: Date | null): string | null {
  return time === null ? null : time.toISOString();
}
