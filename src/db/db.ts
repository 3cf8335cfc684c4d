/**
 * The database, as all stores see it: Kysely for queries, transactions, and LISTEN/NOTIFY.
 *
 * - Units: `int8` columns are read as `number` (sizes beyond 2^53 bytes are refused); `timestamptz` as `Date`.
 * - `notify` inside a transaction is delivered when it commits, and not at all when it rolls back.
 * - One connection listens for everybody. When it broke, it comes back by itself and `onGap` is called, because whatever
 *   was sent meanwhile is lost: read again what you care about.
 */
import { Kysely, PostgresDialect, type RawBuilder, sql, type Transaction } from 'kysely';
import { Client, DatabaseError, Pool, type PoolConfig, types } from 'pg';
import type { Database } from './database.ts';
import { createListener, type Subscription } from './listener.ts';

export type Tx = Transaction<Database>;
/** What a store function takes that may run inside or outside a transaction. */
export type Executor = Kysely<Database> | Tx;

export type Db = {
  readonly kysely: Kysely<Database>;
  readonly pool: Pool;
  /** Read committed. Rolls back when `fn` rejects. A deadlock or serialization failure runs `fn` again, at most 5 times. */
  transaction<T>(fn: (tx: Tx) => Promise<T>): Promise<T>;
  /** Channel names are plain identifiers. Resolves when the database is listening. */
  listen(channel: string, onMessage: (payload: string) => void, onGap?: () => void): Promise<Subscription>;
  /** Payload: under 8000 bytes. Pass the transaction to send it with its commit. */
  notify(channel: string, payload: string, within?: Tx): Promise<void>;
  close(): Promise<void>;
};

export type DbOptions = {
  /** How to connect: a URL, or the directory of a unix socket as `host`. */
  readonly connection: Pick<PoolConfig, 'connectionString' | 'host' | 'port' | 'user' | 'database'>;
  readonly maxConnections?: number;
  /** Told of connections that broke while idle; they are replaced without anybody's doing. */
  readonly onError?: (error: Error) => void;
};

export function openDb(options: DbOptions): Db {
  const config: PoolConfig = {
    ...options.connection,
    application_name: 'wherry',
    types: typeParsers,
    connectionTimeoutMillis: 15_000,
  };
  const pool = new Pool({ ...config, max: options.maxConnections ?? 10 });
  const onError = options.onError ?? ((): void => undefined);
  pool.on('error', onError);
  const kysely = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  const listener = createListener(() => new Client(config), onError);
  let closing: Promise<void> | undefined;
  return {
    kysely,
    pool,
    listen: (channel, onMessage, onGap) => listener.listen(channel, onMessage, onGap),
    transaction: async (fn) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await kysely.transaction().execute(fn);
        } catch (error) {
          if (attempt >= 5 || !isTransient(error)) throw error;
        }
      }
    },
    notify: async (channel, payload, within) => {
      await sql`select pg_notify(${channel}, ${payload})`.execute(within ?? kysely);
    },
    close: () => {
      closing ??= Promise.all([listener.close(), pool.end()]).then(() => undefined);
      return closing;
    },
  };
}

/**
 * Any value as a `jsonb` parameter. Without NULs and halves of characters: PostgreSQL refuses both, tools and hostile
 * images print them, and the end of an attempt must never be refused for what its error says.
 */
export function json<T>(value: T): RawBuilder<T> {
  return sql<T>`${jsonText([value])}::jsonb`;
}

/** As `json`, of each value; together one text. */
export function jsonText(values: readonly unknown[], separator = ''): string {
  const text = values.map((value) => JSON.stringify(value)).join(separator);
  // Whatever has neither, which is nearly everything, is written once; asking each value costs more than the writing.
  if (!/\\u(?:0000|d[89a-f])/.test(text)) return text;
  return values.map((value) => JSON.stringify(value, storable)).join(separator);
}

function storable(_key: string, part: unknown): unknown {
  return typeof part === 'string' ? part.replaceAll('\0', '').toWellFormed() : part;
}

/** The SQLSTATE of a database error, or undefined when it is something else. `23505` is a unique violation. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined;
}

function isTransient(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01';
}

function int8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`the database holds ${text}, beyond 2^53`);
  return value;
}

const int8Oid = 20;
const typeParsers: PoolConfig['types'] = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- pg asks for any oid, not only for those with a name
    oid === int8Oid ? int8 : types.getTypeParser(oid, format ?? 'text'),
};
