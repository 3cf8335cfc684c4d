/** Providers as the API shows them. Of secrets nothing but the names. */
import { sql } from 'kysely';
import type { Executor } from '../db/db.ts';
import type { StoredError } from '../model/errors.ts';
import { WherryError } from '../model/errors.ts';
import type { ProviderAccount, ProviderType } from '../model/provider.ts';
import { shown } from '../model/shown-error.ts';
import { withQueryApart } from './account.ts';
import type { ProviderCheck, ProviderCounts, ProviderState, ProviderView } from './api.ts';

const noCounts: ProviderCounts = {
  datacenter: 0,
  folder: 0,
  cluster: 0,
  host: 0,
  'resource-pool': 0,
  network: 0,
  storage: 0,
  vm: 0,
};

/**
 * VMs are counted where they are few bytes each. Each kind and each severity by itself: while a first read goes on there are
 * no statistics yet, and all objects of the system were looked at for it, each time.
 */
const placeKinds = Object.keys(noCounts).filter((kind) => kind !== 'vm');

export async function listProviders(db: Executor): Promise<ProviderView[]> {
  return read(db, sql`true`);
}

/** @throws provider.not_found */
export async function readProvider(db: Executor, id: string): Promise<ProviderView> {
  const [view] = await read(db, sql`p.id = ${id}`);
  if (view === undefined) throw new WherryError('provider.not_found', { provider: id });
  return view;
}

type Row = {
  readonly id: string;
  readonly name: string;
  readonly type: ProviderType;
  readonly account: ProviderAccount;
  readonly secrets: string[];
  readonly via: ProviderView['via'];
  readonly worker: ProviderView['worker'];
  readonly state: ProviderState;
  readonly error: StoredError | null;
  readonly retry_at: Date | null;
  readonly product: string;
  readonly version: string;
  readonly stable_id: string | null;
  readonly counts: Partial<ProviderCounts> | null;
  readonly unreadable: number;
  readonly severities: Readonly<Record<string, number>> | null;
  readonly last_check: ProviderCheck | null;
  readonly last_check_at: Date | null;
  readonly synced_at: Date | null;
  readonly news_at: Date | null;
  readonly created_by: string;
  readonly created_at: Date;
  readonly changed_at: Date;
};

async function read(db: Executor, which: ReturnType<typeof sql>): Promise<ProviderView[]> {
  const { rows } = await sql<Row>`
    select p.*, s.stable_id,
      case when v.id is not null then jsonb_build_object('id', v.id, 'name', v.name) end as via,
      case when w.id is not null then
        jsonb_build_object('id', w.id, 'name', w.name, 'alive', w.alive_until > clock_timestamp()) end as worker,
      array(select name from provider_secret where provider_id = p.id order by name) as secrets,
      (select jsonb_object_agg(k.kind, c.count) from unnest(${placeKinds}::text[]) as k(kind) cross join lateral (
        select count(*) from inventory_object o
        where o.system_id = p.system_id and o.kind = k.kind and o.gone_at is null) c) as counts,
      (select count(*)::int from inventory_unreadable u where u.system_id = p.system_id) as unreadable,
      (select jsonb_object_agg(k.severity, c.count) from unnest('{0,1,2,3}'::smallint[]) as k(severity)
        cross join lateral (select count(*) from inventory_search m
          where m.system_id = p.system_id and m.severity = k.severity) c) as severities
    from provider p
    left join source_system s on s.id = p.system_id
    left join worker v on v.id = p.via
    left join worker w on w.id = p.watch_worker
    where p.removed_at is null and ${which}
    order by lower(p.name)`.execute(db);
  return rows.map(viewOf);
}

function viewOf(row: Row): ProviderView {
  const { id, name, type, account, secrets, via, worker, state, product, version, unreadable, severities } = row;
  return {
    id,
    name,
    type,
    // An address from before queries were kept apart shows none either.
    account: withQueryApart(account, {}).account,
    secrets,
    via,
    worker,
    state,
    error: shown(row.error),
    retryAt: iso(row.retry_at),
    product,
    version,
    systemId: row.stable_id,
    counts: { ...noCounts, ...row.counts, vm: Object.values(severities ?? {}).reduce((sum, one) => sum + one, 0) },
    unreadable,
    concerns: {
      critical: severities?.['3'] ?? 0,
      warning: severities?.['2'] ?? 0,
      information: severities?.['1'] ?? 0,
    },
    lastCheck: row.last_check,
    lastCheckAt: iso(row.last_check_at),
    syncedAt: iso(row.synced_at),
    newsAt: iso(row.news_at),
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    changedAt: row.changed_at.toISOString(),
  };
}

export function iso(time: Date | null): string | null {
  return time === null ? null : time.toISOString();
}
