/**
 * What migrations do, as metrics. All of it is counted from the rows at the moment of asking: it survives restarts, and every
 * server on one database says the same (take one of them, or the maximum, never the sum).
 */
import { type RawBuilder, sql } from 'kysely';
import type { Db } from '../db/db.ts';
import { isEnded } from '../migration/advance.ts';
import { type MigrationState, migrationMoves, type VmMigrationState, vmMigrationMoves } from '../migration/states.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = { readonly labels: Labels; readonly value: number };
type Distribution = {
  readonly labels: Labels;
  readonly within: readonly number[];
  readonly sum: number;
  readonly count: number;
};

/** Seconds. Steps take from a blink to days, and so does waiting for one's turn. */
const buckets = [1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400];

const migrationStates = Object.keys(migrationMoves) as MigrationState[];
const vmStates = Object.keys(vmMigrationMoves) as VmMigrationState[];

/** In the text format of Prometheus, with a line end at its end. */
export async function migrationMetrics(db: Db): Promise<string> {
  const migrations = await db.kysely
    .selectFrom('migration')
    .select(['state', ({ fn }) => fn.countAll<number>().as('count')])
    .groupBy('state')
    .execute();
  const vms = await db.kysely
    .selectFrom('vm_migration')
    .select(['state', ({ fn }) => fn.countAll<number>().as('count')])
    .groupBy('state')
    .execute();
  const { finished } = await db.kysely
    .selectFrom('event')
    .select(({ fn }) => fn.countAll<number>().as('finished'))
    .where('code', '=', 'vm_migration.finish_requested')
    .executeTakeFirstOrThrow();
  const { bytes } = await db.kysely
    .selectFrom('attempt')
    .select(({ fn }) => fn.coalesce(fn.sum<string>('bytes_moved'), sql<string>`0`).as('bytes'))
    .executeTakeFirstOrThrow();
  return [
    series(
      'wherry_migrations',
      'gauge',
      'Migrations by state',
      migrationStates.map((state) => {
        return { labels: { state }, value: countOf(migrations, state) };
      }),
    ),
    series(
      'wherry_vm_migrations',
      'gauge',
      'VM migrations that have not ended, by state',
      vmStates.filter((state) => !isEnded(state)).map((state) => ({ labels: { state }, value: countOf(vms, state) })),
    ),
    series(
      'wherry_vm_migrations_ended_total',
      'counter',
      'VM migrations that have ended, by outcome',
      vmStates.filter(isEnded).map((outcome) => {
        // What failed and was finished later has failed all the same: a counter does not go back.
        return { labels: { outcome }, value: countOf(vms, outcome) + (outcome === 'failed' ? finished : 0) };
      }),
    ),
    series('wherry_copied_bytes_total', 'counter', 'Bytes that copies have read from their sources', [
      { labels: {}, value: Number(bytes) },
    ]),
    histogram('wherry_step_seconds', 'How long attempts at a step took', await stepTimes(db)),
    histogram('wherry_queue_seconds', 'How long VM migrations waited for their first step', await queueTimes(db)),
  ].join('');
}

function countOf<S extends string>(rows: ReadonlyArray<{ state: S; count: number }>, state: S): number {
  return rows.find((row) => row.state === state)?.count ?? 0;
}

type Times = { readonly within: readonly number[]; readonly sum: number; readonly count: number };

async function stepTimes(db: Db): Promise<Distribution[]> {
  const seconds = sql`extract(epoch from a.ended_at - a.started_at)`;
  const { rows } = await sql<Times & { step: string; outcome: string }>`
    select s.name as step, a.outcome, ${counted(seconds)}
    from attempt a join step s on s.id = a.step_id where a.ended_at is not null
    group by s.name, a.outcome order by s.name, a.outcome`.execute(db.kysely);
  return rows.map(({ step, outcome, ...times }) => ({ labels: { step, outcome }, ...times }));
}

async function queueTimes(db: Db): Promise<Distribution[]> {
  const seconds = sql`extract(epoch from started_at - created_at)`;
  const { rows } = await sql<Times>`
    select ${counted(seconds)} from vm_migration where started_at is not null`.execute(db.kysely);
  return rows.map((times) => ({ labels: {}, ...times }));
}

function counted(seconds: RawBuilder<unknown>): RawBuilder<unknown> {
  const within = buckets.map((limit) => sql`count(*) filter (where ${seconds} <= ${limit}::float8)`);
  return sql`array[${sql.join(within)}]::float8[] as within, coalesce(sum(${seconds}), 0)::float8 as sum, count(*)::int as count`;
}

function series(name: string, type: 'gauge' | 'counter', help: string, samples: readonly Sample[]): string {
  const lines = samples.map(({ labels, value }) => `${name}${shown(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function histogram(name: string, help: string, distributions: readonly Distribution[]): string {
  const lines = distributions.flatMap(({ labels, within, sum, count }) => [
    ...buckets.map(
      (limit, index) => `${name}_bucket${shown({ ...labels, le: String(limit) })} ${within[index] ?? 0}\n`,
    ),
    `${name}_bucket${shown({ ...labels, le: '+Inf' })} ${count}\n`,
    `${name}_sum${shown(labels)} ${sum}\n`,
    `${name}_count${shown(labels)} ${count}\n`,
  ]);
  return `# HELP ${name} ${help}\n# TYPE ${name} histogram\n${lines.join('')}`;
}

/** Values are names of ours: nothing in them needs escaping. */
function shown(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
