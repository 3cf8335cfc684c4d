/** The manifest of a VM migration's target copy, read in pages: 16 TiB are 262,144 rows per disk (docs/manifest.md). */
import { type Selectable, sql } from 'kysely';
import Type from 'typebox';
import Value from 'typebox/value';
import type { Database } from '../db/database.ts';
import type { Db, Executor } from '../db/db.ts';
import { createCoverage } from '../transfer/coverage.ts';
import { chunkBytes, chunkCount } from '../transfer/digest.ts';
import type { Range } from '../transfer/disk.ts';
import { writeManifest } from '../transfer/manifest.ts';
import { united } from '../transfer/ranges.ts';
import { nameOf } from './rows-store.ts';
import { readVmMigration } from './view-store.ts';

type VmRow = Selectable<Database['vm_migration']>;

/** Chunks of one page: 1 TiB. */
const pageChunks = 16_384;
/** Text is handed on in pieces of about this many lines. */
const pieceLines = 512;

/** All disks, one section after the other, in pieces of text. @throws request.not_found before the first piece */
export async function manifestText(db: Db, id: string): Promise<AsyncGenerator<string>> {
  const { row } = await readVmMigration(db.kysely, id);
  return pieces(db.kysely, row);
}

async function* pieces(db: Executor, row: VmRow): AsyncGenerator<string> {
  for (const { id: disk, name, sizeBytes } of await disksOf(db, row)) {
    const { coverage, sources, copied } = await digestsOf(db, row.target_copy_id, disk, sizeBytes);
    const { applied, discarded: left } = await rangesOf(db, row.id, disk, sizeBytes);
    // Later steps copy what was left out when the conversion that had freed it is gone.
    const discarded = outside(copied, left);
    const about = {
      name,
      vm: nameOf(row),
      vmMigrationId: row.id,
      targetCopyId: row.target_copy_id,
      final: row.state === 'completed',
    };
    let text: string[] = [];
    for (const line of writeManifest({ disk, coverage, sources, applied, discarded, about })) {
      text.push(line, '\n');
      if (text.length < pieceLines * 2) continue;
      yield text.join('');
      text = [];
    }
    yield text.join('');
  }
}

const TargetDisks = Type.Object({
  disks: Type.Array(Type.Object({ diskId: Type.String(), sizeBytes: Type.Integer({ minimum: 0 }) })),
});

/** Those that have a size: before preflight nothing is known. A source that does not say has the size of its target disk. */
async function disksOf(db: Executor, row: VmRow): Promise<{ id: string; name: string; sizeBytes: number }[]> {
  const made = await resultOf(db, row.id, 'create-disks');
  const targets = Value.Check(TargetDisks, made) ? made.disks : [];
  return (row.vm?.disks ?? []).flatMap(({ id, name, sizeBytes }) => {
    const size = sizeBytes ?? targets.find(({ diskId }) => diskId === id)?.sizeBytes;
    return size === undefined ? [] : [{ id, name, sizeBytes: size }];
  });
}

async function resultOf(db: Executor, vmMigrationId: string, step: string): Promise<unknown> {
  const row = await db
    .selectFrom('step')
    .select('result')
    .where('vm_migration_id', '=', vmMigrationId)
    .where('name', '=', step)
    .where('state', '=', 'succeeded')
    .executeTakeFirst();
  return row?.result ?? null;
}

/**
 * Of each chunk what was told last: what was copied, or what an applied conversion made of it afterwards (also where the same
 * attempt had to copy it first). An attempt that did not succeed may have applied anything: what it told does not count.
 */
async function digestsOf(db: Executor, targetCopyId: string, disk: string, sizeBytes: number) {
  const coverage = createCoverage(sizeBytes);
  const sources = new Map<number, Buffer>();
  const whole = new Set<number>();
  for (let from = 0; from < chunkCount(sizeBytes); from += pageChunks) {
    const { rows } = await sql<{ chunk: number; copied: Buffer | null; applied: Buffer | null }>`
      with copied as (
        select distinct on (c.chunk) c.chunk, c.token, c.digest from copy_chunk c
        where c.target_copy_id = ${targetCopyId} and c.disk_id = ${disk}
          and c.chunk >= ${from} and c.chunk < ${from + pageChunks}
          and not exists (select from copy_restart r
                          where r.target_copy_id = c.target_copy_id and r.disk_id = c.disk_id and r.token > c.token)
        order by c.chunk, c.token desc),
      applied as (
        select distinct on (a.chunk) a.chunk, a.token, a.digest from applied_chunk a
        join attempt t on t.token = a.token and t.outcome = 'succeeded'
        where a.target_copy_id = ${targetCopyId} and a.disk_id = ${disk}
          and a.chunk >= ${from} and a.chunk < ${from + pageChunks}
          and not exists (select from copy_restart r
                          where r.target_copy_id = a.target_copy_id and r.disk_id = a.disk_id and r.token > a.token)
        order by a.chunk, a.token desc)
      select chunk, c.digest as copied, case when c.token is null or a.token >= c.token then a.digest end as applied
      from copied c full join applied a using (chunk)`.execute(db);
    for (const { chunk, copied, applied } of rows) {
      const digest = applied ?? copied;
      if (digest === null || chunk >= chunkCount(sizeBytes)) continue;
      coverage.markChunk(chunk, digest);
      if (copied !== null) whole.add(chunk);
      if (applied !== null && copied !== null && !applied.equals(copied)) sources.set(chunk, copied);
    }
  }
  return { coverage, sources, copied: whole };
}

const Span = Type.Tuple([Type.Integer({ minimum: 0 }), Type.Integer({ minimum: 1 })]);
const Copied = Type.Object({ discarded: Type.Object({ disks: Type.Record(Type.String(), Type.Array(Span)) }) });
const Applied = Type.Object({
  clusters: Type.Record(Type.String(), Type.Array(Type.Tuple([Type.Integer(), Type.Integer(), Type.Integer()]))),
});

/** What the conversion changed, and what was not copied because it had freed it. */
async function rangesOf(
  db: Executor,
  vmMigrationId: string,
  disk: string,
  sizeBytes: number,
): Promise<{ applied: Range[]; discarded: Range[] }> {
  const copied = await resultOf(db, vmMigrationId, 'copy');
  const apply = await db
    .selectFrom('step')
    .select('checkpoint')
    .where('vm_migration_id', '=', vmMigrationId)
    .where('name', '=', 'apply')
    .where('state', '=', 'succeeded')
    .executeTakeFirst();
  const discarded = Value.Check(Copied, copied) ? (copied.discarded.disks[disk] ?? []) : [];
  const clusters = Value.Check(Applied, apply?.checkpoint) ? (apply.checkpoint.clusters[disk] ?? []) : [];
  return {
    applied: inside(
      clusters.map(([offset, length]) => [offset, length]),
      sizeBytes,
    ),
    discarded: inside(discarded, sizeBytes),
  };
}

/** What lies in none of the chunks. */
function outside(chunks: ReadonlySet<number>, ranges: readonly Range[]): Range[] {
  const found: Range[] = [];
  for (const { offset, length } of ranges) {
    for (let at = offset, next: number; at < offset + length; at = next) {
      const chunk = Math.floor(at / chunkBytes);
      next = Math.min((chunk + 1) * chunkBytes, offset + length);
      if (!chunks.has(chunk)) found.push({ offset: at, length: next - at });
    }
  }
  return united(found);
}

/** An overlay's last cluster may reach beyond the disk. */
function inside(spans: readonly (readonly [number, number])[], sizeBytes: number): Range[] {
  return spans.flatMap(([offset, length]) => {
    const end = Math.min(offset + length, sizeBytes);
    return end > offset ? [{ offset, length: end - offset }] : [];
  });
}
