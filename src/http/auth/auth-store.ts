/** Accounts, sessions and tokens in the database. Tokens come in plain and are kept as hashes only. */
import { sql } from 'kysely';
import type { Db, Executor } from '../../db/db.ts';
import { newId } from '../../model/ids.ts';
import type { Role } from '../../model/role.ts';
import { hashOf, newToken, prefixOf } from './secrets.ts';

export type Account = { readonly id: string; readonly name: string; readonly role: Role };

const sessionHours = 12;
const sessionDays = 30;

export async function findAccount(
  db: Executor,
  name: string,
): Promise<(Account & { readonly passwordHash: string }) | null> {
  const row = await db
    .selectFrom('user_account')
    .select(['id', 'name', 'role', 'password_hash as passwordHash'])
    .where(sql<boolean>`lower(name) = lower(${name})`)
    .where('disabled', '=', false)
    .executeTakeFirst();
  return row ?? null;
}

export async function anyAccount(db: Executor): Promise<boolean> {
  return (await db.selectFrom('user_account').select('id').limit(1).executeTakeFirst()) !== undefined;
}

export async function addAccount(db: Executor, name: string, role: Role, passwordHash: string): Promise<Account> {
  const id = newId();
  await db.insertInto('user_account').values({ id, name, role, password_hash: passwordHash }).execute();
  return { id, name, role };
}

/** Makes a session and returns what goes into the cookie. Ends 12 hours after its last use, 30 days after its start. */
export async function openSession(db: Executor, userId: string): Promise<string> {
  const token = newToken('wherry_session');
  await sql`insert into session (id, user_id, hash, expires_at)
    values (${newId()}, ${userId}, ${hashOf(token)}, now() + make_interval(hours => ${sessionHours}))`.execute(db);
  return token;
}

export async function findSession(db: Executor, token: string): Promise<Account | null> {
  const { rows } = await sql<Account & { session: string; stale: boolean }>`
    select u.id, u.name, u.role, s.id as session,
           s.expires_at < now() + make_interval(hours => ${sessionHours}) - interval '10 minutes' as stale
    from session s join user_account u on u.id = s.user_id
    where s.hash = ${hashOf(token)} and s.expires_at > now() and not u.disabled
      and s.created_at > now() - make_interval(days => ${sessionDays})`.execute(db);
  const row = rows[0];
  if (row === undefined) return null;
  if (row.stale) {
    await sql`update session set expires_at = now() + make_interval(hours => ${sessionHours})
      where id = ${row.session}`.execute(db);
  }
  return { id: row.id, name: row.name, role: row.role };
}

export async function closeSession(db: Executor, token: string): Promise<void> {
  await db.deleteFrom('session').where('hash', '=', hashOf(token)).execute();
  await sql`delete from session where expires_at < now()`.execute(db);
}

export type TokenRow = {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
};
const tokenColumns = [
  'id',
  'name',
  'prefix',
  'created_by as createdBy',
  'created_at as createdAt',
  'last_used_at as lastUsedAt',
] as const;

export async function listApiTokens(db: Executor): Promise<(TokenRow & { readonly role: Role })[]> {
  return db
    .selectFrom('api_token')
    .select([...tokenColumns, 'role'])
    .orderBy('id')
    .limit(1000)
    .execute();
}

export async function listWorkerTokens(db: Executor): Promise<TokenRow[]> {
  return db
    .selectFrom('worker_token')
    .select([...tokenColumns])
    .orderBy('id')
    .limit(1000)
    .execute();
}

type New = { readonly name: string; readonly createdBy: string };

export async function addApiToken(
  db: Executor,
  values: New & { readonly role: Role },
): Promise<TokenRow & { readonly role: Role; readonly token: string }> {
  const token = newToken('wherry');
  const { name, role, createdBy } = values;
  const row = await db
    .insertInto('api_token')
    .values({ id: newId(), name, role, created_by: createdBy, prefix: prefixOf('wherry', token), hash: hashOf(token) })
    .returning([...tokenColumns, 'role'])
    .executeTakeFirstOrThrow();
  return { ...row, token };
}

export async function addWorkerToken(db: Executor, values: New): Promise<TokenRow & { readonly token: string }> {
  const token = newToken('wherry_worker');
  const { name, createdBy } = values;
  const row = await db
    .insertInto('worker_token')
    .values({ id: newId(), name, created_by: createdBy, prefix: prefixOf('wherry_worker', token), hash: hashOf(token) })
    .returning([...tokenColumns])
    .executeTakeFirstOrThrow();
  return { ...row, token };
}

/** False when there was none. */
export async function removeToken(db: Executor, table: 'api_token' | 'worker_token', id: string): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom(table).where('id', '=', id).executeTakeFirst();
  return numDeletedRows > 0n;
}

/** Whose token it is. Use is recorded to the minute, not with each request. */
export async function findToken(
  db: Db,
  table: 'api_token' | 'worker_token',
  token: string,
): Promise<{ readonly name: string; readonly role: Role | null } | null> {
  const role = table === 'api_token' ? sql<Role>`role` : sql<null>`null`;
  const { rows } = await sql<{ id: string; name: string; role: Role | null; stale: boolean }>`
    select id, name, ${role} as role, coalesce(last_used_at < now() - interval '1 minute', true) as stale
    from ${sql.table(table)} where hash = ${hashOf(token)}`.execute(db.kysely);
  const row = rows[0];
  if (row === undefined) return null;
  if (row.stale) await sql`update ${sql.table(table)} set last_used_at = now() where id = ${row.id}`.execute(db.kysely);
  return { name: row.name, role: row.role };
}
