/** The log of a VM migration: bounded, because a tool may print without end; errors and warnings always find room. */
import { sql } from 'kysely';
import type { Executor, Tx } from '../db/db.ts';
import type { LogPage } from './api.ts';
import type { Policy } from './policy.ts';
import type { LogLine } from './protocol.ts';

/** Which lines still fit. What people look for (warnings, errors) has a tenth more room than the rest. Pure. */
export function fitLog(
  lines: readonly LogLine[],
  kept: number,
  max: number,
): { readonly lines: readonly LogLine[]; readonly dropped: number } {
  let count = kept;
  const fitting = lines.filter(({ level }) => {
    const room = level === 'warning' || level === 'error' ? Math.ceil(max * 1.1) : max;
    if (count >= room) return false;
    count += 1;
    return true;
  });
  return { lines: fitting, dropped: lines.length - fitting.length };
}

export async function writeLog(
  tx: Tx,
  policy: Policy,
  report: { vmMigrationId: string; step: string; token: string; log: readonly LogLine[] },
): Promise<void> {
  if (report.log.length === 0) return;
  const { log_count } = await tx
    .selectFrom('vm_migration')
    .select('log_count')
    .where('id', '=', report.vmMigrationId)
    .forNoKeyUpdate()
    .executeTakeFirstOrThrow();
  const { lines, dropped } = fitLog(report.log, log_count, policy.maxLogLines);
  let written = 0;
  if (lines.length > 0) {
    // A NUL is no text for PostgreSQL, and tools do print them.
    const { rows } = await sql`
      insert into vm_migration_log (vm_migration_id, token, step, time, level, text)
      select ${report.vmMigrationId}, ${report.token}, ${report.step}, time, level, text
      from unnest(${lines.map((line) => line.time)}::timestamptz[], ${lines.map((line) => line.level)}::text[],
                  ${lines.map((line) => line.text.replaceAll('\0', ''))}::text[])
        with ordinality as told (time, level, text, place)
      order by place
      on conflict do nothing returning 1`.execute(tx);
    written = rows.length;
  }
  await tx
    .updateTable('vm_migration')
    .set((row) => ({ log_count: row('log_count', '+', written), log_dropped: row('log_dropped', '+', dropped) }))
    .where('id', '=', report.vmMigrationId)
    .execute();
}

/** A line of the server's own about an attempt, so that the log has a beginning and an end of each, whatever a tool says. */
export async function noteInLog(
  tx: Tx,
  policy: Policy,
  about: { readonly vm_migration_id: string; readonly name: string; readonly token: string | null },
  level: LogLine['level'],
  text: string,
): Promise<void> {
  if (about.token === null) return;
  const line = { time: new Date().toISOString(), level, text: text.slice(0, 4096) };
  await writeLog(tx, policy, {
    vmMigrationId: about.vm_migration_id,
    step: about.name,
    token: about.token,
    log: [line],
  });
}

/**
 * Oldest first, from after line `after`. `newest`: not the first `limit` lines after it but the last ones, as somebody
 * wants them who opens a long log; what follows is then asked for with `after`.
 */
export async function readLog(
  db: Executor,
  vmMigrationId: string,
  { after, limit, newest = false }: { readonly after: number; readonly limit: number; readonly newest?: boolean },
): Promise<LogPage> {
  const lines = await db
    .selectFrom('vm_migration_log')
    .select(['number', 'step', 'time', 'level', 'text'])
    .where('vm_migration_id', '=', vmMigrationId)
    .where('number', '>', after)
    .orderBy('number', newest ? 'desc' : 'asc')
    .limit(limit + 1)
    .execute();
  const vm = await db
    .selectFrom('vm_migration')
    .select('log_dropped')
    .where('id', '=', vmMigrationId)
    .executeTakeFirst();
  const page = newest ? lines.slice(0, limit).toReversed() : lines.slice(0, limit);
  return {
    lines: page.map(({ time, ...line }) => ({ ...line, time: new Date(time).toISOString() })),
    dropped: vm?.log_dropped ?? 0,
    next: lines.length > limit && !newest ? (page.at(-1)?.number ?? null) : null,
  };
}
