/**
 * Brings a database up to date: numbered .sql files, forward only, each in one transaction with its record. Several
 * servers may start at once: an advisory lock lets them pass one after the other.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { Pool, PoolClient } from 'pg';
import { WherryError } from '../model/errors.ts';

export type MigrationFile = { readonly number: number; readonly name: string; readonly sql: string };

const lockKey = 7_117_001;

/** The files beside this one, in order. */
export async function readMigrations(
  directory: URL = new URL('migrations/', import.meta.url),
): Promise<MigrationFile[]> {
  const names = (await readdir(directory)).filter((name) => /^\d{3}_[a-z0-9_]+\.sql$/.test(name));
  const files: MigrationFile[] = [];
  for (const name of names.toSorted()) {
    files.push({ number: Number(name.slice(0, 3)), name, sql: await readFile(new URL(name, directory), 'utf8') });
  }
  return files;
}

/**
 * Applies what is missing and returns the names of what it applied.
 * @throws server.database_newer, server.migration_changed; an Error that names the file when its SQL fails
 */
export async function migrate(pool: Pool, files?: readonly MigrationFile[]): Promise<string[]> {
  const known = files ?? (await readMigrations());
  const client = await pool.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [lockKey]);
    try {
      return await apply(client, known);
    } finally {
      await client.query('select pg_advisory_unlock($1)', [lockKey]);
    }
  } finally {
    client.release();
  }
}

async function apply(client: PoolClient, files: readonly MigrationFile[]): Promise<string[]> {
  await client.query(
    `create table if not exists schema_migration (
       number integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())`,
  );
  const { rows } = await client.query<{ number: number; name: string; checksum: string }>(
    'select number, name, checksum from schema_migration order by number',
  );
  const last = files.at(-1)?.number ?? 0;
  const applied: string[] = [];
  for (const row of rows) {
    const file = files.find(({ number }) => number === row.number);
    if (file === undefined) throw new WherryError('server.database_newer', { found: row.name, known: last });
    if (checksum(file) !== row.checksum) throw new WherryError('server.migration_changed', { file: file.name });
  }
  for (const file of files) {
    if (rows.some(({ number }) => number === file.number)) continue;
    await applyOne(client, file);
    applied.push(file.name);
  }
  return applied;
}

async function applyOne(client: PoolClient, file: MigrationFile): Promise<void> {
  await client.query('begin');
  try {
    await client.query(file.sql);
    await client.query('insert into schema_migration (number, name, checksum) values ($1, $2, $3)', [
      file.number,
      file.name,
      checksum(file),
    ]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw new Error(`migration ${file.name} failed`, { cause: error });
  }
}

function checksum(file: MigrationFile): string {
  return createHash('sha256').update(file.sql).digest('hex');
}
