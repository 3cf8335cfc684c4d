/**
 * The first administrator. At its first start a server makes a one-time token, prints it and keeps it in a file (0600) of
 * its home; whoever knows it makes the first account. The database has its hash, and which one was used.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { sql } from 'kysely';
import type { Db } from '../../db/db.ts';
import { WherryError } from '../../model/errors.ts';
import { newId } from '../../model/ids.ts';
import { type Account, addAccount, anyAccount } from './auth-store.ts';
import { hashOf, hashPassword, newToken } from './secrets.ts';

/** Two set-ups at once must not make two first administrators. */
const setupLock = 7_117_002;

/** The token to print, or null when there is an account already. A token whose file is lost is replaced. */
export async function ensureSetupToken(db: Db, file: string): Promise<string | null> {
  return db.transaction(async (tx) => {
    await sql`select pg_advisory_xact_lock(${setupLock})`.execute(tx);
    if (await anyAccount(tx)) {
      await rm(file, { force: true });
      return null;
    }
    const kept = (await readFile(file, 'utf8').catch(() => '')).trim();
    const known = await tx
      .selectFrom('setup_token')
      .select('id')
      .where('hash', '=', hashOf(kept))
      .where('used_at', 'is', null)
      .executeTakeFirst();
    if (known !== undefined) return kept;
    const token = newToken('wherry_setup');
    await tx
      .insertInto('setup_token')
      .values({ id: newId(), hash: hashOf(token) })
      .execute();
    await rm(file, { force: true });
    await writeFile(file, `${token}\n`, { mode: 0o600, flag: 'wx' });
    return token;
  });
}

/** @throws auth.setup_done, auth.setup_token */
export async function setUp(db: Db, given: { token: string; user: string; password: string }): Promise<Account> {
  // Before the password is hashed, so that guessing tokens costs us nothing.
  await checkSetupToken(db, given.token);
  const passwordHash = await hashPassword(given.password);
  return db.transaction(async (tx) => {
    await sql`select pg_advisory_xact_lock(${setupLock})`.execute(tx);
    if (await anyAccount(tx)) throw new WherryError('auth.setup_done');
    await sql`update setup_token set used_at = now() where hash = ${hashOf(given.token)}`.execute(tx);
    return addAccount(tx, given.user, 'administrator', passwordHash);
  });
}

async function checkSetupToken(db: Db, token: string): Promise<void> {
  if (await anyAccount(db.kysely)) throw new WherryError('auth.setup_done');
  const found = await db.kysely
    .selectFrom('setup_token')
    .select('id')
    .where('hash', '=', hashOf(token))
    .where('used_at', 'is', null)
    .executeTakeFirst();
  if (found === undefined) throw new WherryError('auth.setup_token');
}
