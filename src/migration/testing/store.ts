/** For tests: a store, as an administrator has added it. */
import { type Db, json } from '../../db/db.ts';
import { newId } from '../../model/ids.ts';
import type { OvaAccount } from '../../model/provider.ts';

type More = Partial<Omit<OvaAccount, 'type' | 'location'>> & {
  readonly name?: string;
  /** A worker's id: who reads it, and nobody else. */
  readonly via?: string;
  /** A worker's id: who watches it now. */
  readonly watchedBy?: string;
  readonly state?: 'new' | 'following';
};

/** Resolves with its id. Named like its directory or address, unless something else is said. */
export async function addStore(db: Db, location: string, more: More = {}): Promise<string> {
  const { name = location, via = null, watchedBy = null, state = 'new', ...account } = more;
  const id = newId();
  await db.kysely
    .insertInto('provider')
    .values({
      id,
      name,
      type: 'ova',
      account: json({ type: 'ova' as const, location, ...account }),
      created_by: 'me',
      watch_token: newId(),
      watch_worker: watchedBy,
      via,
      state,
    })
    .execute();
  return id;
}
