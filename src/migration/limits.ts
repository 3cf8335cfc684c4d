/**
 * Which bandwidth limits a copy is under, and what each worker may use of a limit whose copies run on several. Pure.
 *
 * A host is limited by its name: files are read and written on the worker's own host, libvirt is where its URI says. What
 * names a provider's place is under that provider's limit too.
 */
import { limitKey } from '../model/limit.ts';
import type { ProviderAccount } from '../model/provider.ts';
import { pathsOf } from '../model/source-paths.ts';
import type { VmMigrationSpec } from '../model/spec.ts';

export type LimitedWorker = { readonly id: string; readonly host: string };
/** `via`: the worker that reads it, where that matters (paths and local sockets are a worker's own); null: any. */
export type LimitedProvider = { readonly id: string; readonly account: ProviderAccount; readonly via: string | null };

/** The keys (model/limit.ts) of all limits that a copy by `worker` is under, each once. */
export function limitKeysOf(
  { migrationId, spec }: { readonly migrationId: string; readonly spec: VmMigrationSpec },
  worker: LimitedWorker,
  providers: readonly LimitedProvider[],
): string[] {
  const hosts = [sourceHost(spec.source, worker), targetHost(spec.target, worker)];
  const used = providers.filter((provider) => isUsed(provider, spec, worker));
  return [
    ...new Set([
      limitKey('migration', migrationId),
      limitKey('worker', worker.id),
      ...used.map(({ id }) => limitKey('provider', id)),
      ...hosts.map((host) => limitKey('host', host)),
    ]),
  ];
}

function sourceHost(source: VmMigrationSpec['source'], worker: LimitedWorker): string {
  switch (source.type) {
    case 'ova':
    case 'files':
    case 'domain':
      return hostName(worker.host);
    case 'web':
      return hostName(uriHost(source.url) ?? worker.host);
    default:
      return source satisfies never;
  }
}

function targetHost(target: VmMigrationSpec['target'], worker: LimitedWorker): string {
  switch (target.type) {
    case 'files':
      return hostName(worker.host);
    case 'libvirt':
      return hostName(uriHost(target.uri) ?? worker.host);
    default:
      return target satisfies never;
  }
}

/** Host names do not tell upper from lower case. */
export function hostName(name: string): string {
  return name.trim().toLowerCase();
}

/** Of `driver[+transport]://[user@][host][:port]/…`; null: the machine that opens it. */
export function uriHost(uri: string): string | null {
  const authority = /^[a-z+]+:\/\/([^/?#]*)/i.exec(uri)?.[1] ?? '';
  const host = authority
    .replace(/^.*@/, '')
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1');
  return host === '' ? null : host;
}

function isUsed(
  { account, via }: LimitedProvider,
  { source, target }: VmMigrationSpec,
  worker: LimitedWorker,
): boolean {
  if (account.type === 'vsphere' || (via !== null && via !== worker.id)) return false;
  if (account.type === 'libvirt') return target.type === 'libvirt' && target.uri === account.uri;
  const directory = account.location.replace(/\/*$/, '/');
  return pathsOf(source).some((path) => path === account.location || path.startsWith(directory));
}

/** One of those who share a limit. `demand`: what it can use, bytes per second; null: all that it gets. */
export type Claim = { readonly id: string; readonly weight: number; readonly demand: number | null };

/**
 * Shares of `total` by claim: in proportion to the weights, but what one cannot use goes to the others (weighted max-min
 * fairness). The shares sum to `total`; nobody gets less than the smaller of its demand and its proportional share.
 */
export function shareOut(total: number, claims: readonly Claim[]): Map<string, number> {
  const shares = new Map<string, number>();
  let open = claims.filter(({ weight }) => weight > 0);
  let left = total;
  for (;;) {
    const level = left / sum(open.map(({ weight }) => weight));
    const modest = open.filter(({ demand, weight }) => demand !== null && demand < level * weight);
    if (modest.length === 0 || modest.length === open.length) break;
    for (const { id, demand } of modest) {
      shares.set(id, demand ?? 0);
      left -= demand ?? 0;
    }
    open = open.filter((claim) => !modest.includes(claim));
  }
  const weights = sum(open.map(({ weight }) => weight));
  for (const { id, weight } of open) shares.set(id, (left * weight) / weights);
  return shares;
}

/** What a worker's copies under a limit were seen to do. `limited`: the share of their time that they waited for limits. */
export type Seen = { readonly bytesPerSecond: number; readonly limited: number };

/** Who waits for limits takes all it gets; who does not gets room to grow, and the rest is for others. */
export function demandOf({ bytesPerSecond, limited }: Seen, evenShare: number): number | null {
  if (limited > 0.1 || bytesPerSecond > evenShare * 0.8) return null;
  return bytesPerSecond * 1.25 + evenShare * 0.05;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
