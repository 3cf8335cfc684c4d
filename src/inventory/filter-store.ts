/** Saved filters: of one person each, and shown to everybody when they are shared. */
import { type Db, type Executor, sqlState } from '../db/db.ts';
import { WherryError } from '../model/errors.ts';
import { newId } from '../model/ids.ts';
import type { SavedFilter } from './search-api.ts';

export type Person = { readonly name: string; readonly isAdministrator: boolean };
type Given = { readonly name: string; readonly filter: string; readonly shared?: boolean };

const columns = ['id', 'name', 'filter', 'owner', 'shared', 'created_at', 'changed_at'] as const;
type Row = {
  readonly id: string;
  readonly name: string;
  readonly filter: string;
  readonly owner: string;
  readonly shared: boolean;
  readonly created_at: Date;
  readonly changed_at: Date;
};

/** Own ones and shared ones, by name. */
export async function listFilters(db: Executor, { name }: Person): Promise<SavedFilter[]> {
  const rows = await db
    .selectFrom('saved_filter')
    .select(columns)
    .where((where) => where.or([where('owner', '=', name), where('shared', '=', true)]))
    .orderBy('name')
    .orderBy('id')
    .execute();
  return rows.map((row) => shown(row, name));
}

/** @throws search.filter_name_taken */
export async function addFilter(db: Executor, given: Given, { name: owner }: Person): Promise<SavedFilter> {
  const values = { id: newId(), owner, ...given };
  return unlessTaken(given.name, async () => {
    const row = await db.insertInto('saved_filter').values(values).returning(columns).executeTakeFirstOrThrow();
    return shown(row, owner);
  });
}

/** @throws request.not_found, search.filter_not_yours, search.filter_name_taken */
export async function editFilter(db: Db, id: string, given: Partial<Given>, person: Person): Promise<SavedFilter> {
  return db.transaction(async (tx) => {
    const before = await ownFilter(tx, id, person);
    return unlessTaken(given.name ?? before.name, async () => {
      const row = await tx
        .updateTable('saved_filter')
        .set({ ...given, changed_at: new Date() })
        .where('id', '=', id)
        .returning(columns)
        .executeTakeFirstOrThrow();
      return shown(row, person.name);
    });
  });
}

/** @throws request.not_found, search.filter_not_yours */
export async function removeFilter(db: Db, id: string, person: Person): Promise<void> {
  await db.transaction(async (tx) => {
    await ownFilter(tx, id, person);
    await tx.deleteFrom('saved_filter').where('id', '=', id).execute();
  });
}

/** What others keep for themselves does not exist for anybody else, the administrator included. */
async function ownFilter(db: Executor, id: string, { name, isAdministrator }: Person): Promise<Row> {
  const row = await db.selectFrom('saved_filter').select(columns).where('id', '=', id).forUpdate().executeTakeFirst();
  if (row === undefined || (row.owner !== name && !row.shared)) {
    throw new WherryError('request.not_found', { kind: 'saved filter', id });
  }
  if (row.owner !== name && !isAdministrator) {
    throw new WherryError('search.filter_not_yours', { name: row.name, owner: row.owner });
  }
  return row;
}

async function unlessTaken<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (sqlState(error) === '23505') throw new WherryError('search.filter_name_taken', { name });
    throw error;
  }
}

function shown(row: Row, asker: string): SavedFilter {
  const { id, name, filter, owner, shared } = row;
  const times = { createdAt: row.created_at.toISOString(), changedAt: row.changed_at.toISOString() };
  return { id, name, filter, owner, shared, own: owner === asker, ...times };
}
