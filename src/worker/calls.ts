/** Questions of the API, answered in a child process of their own. */
import type { InventoryObject, Unreadable } from '../model/inventory.ts';
import type { ProviderAccount, Secrets } from '../model/provider.ts';
import type { SourceSpec } from '../model/spec.ts';
import { lookedAtAgain, permitSource, type Restriction } from './directories.ts';
import type { InventoryNews, Providers, SourceAccess } from '../providers/provider.ts';

/** A little less than the server waits (Policy.callMs, times the patience of the question). */
const timeoutsMs: Readonly<Record<string, number>> = { checkProvider: 55_000, listProvider: 115_000 };
const timeoutMs = 25_000;

export async function call(providers: Providers, method: string, params: unknown, secrets: Secrets): Promise<unknown> {
  const signal = AbortSignal.timeout(timeoutsMs[method] ?? timeoutMs);
  const asked = params as {
    source: SourceSpec;
    vm?: string;
    account?: ProviderAccount;
    ref: string;
    restriction?: Restriction;
  };
  const access = asked.account === undefined ? null : { account: asked.account, secrets };
  switch (method) {
    case 'listVms': {
      await using source = await permitted(providers, asked, access, signal);
      // Awaited here: the source is closed when this block is left.
      return await source.list(signal);
    }
    case 'describeVm': {
      await using source = await permitted(providers, asked, access, signal);
      return await source.describe(asked.vm ?? null, signal);
    }
    case 'checkProvider':
      return providers.check(needed(access), signal);
    case 'readProviderVm': {
      await using connection = await providers.connect(needed(access), signal);
      return await connection.readVm(asked.ref, signal);
    }
    case 'listProvider': {
      await using connection = await providers.connect(needed(access), signal);
      return await firstInventory(connection.watchInventory(signal));
    }
    default:
      throw new Error(`this worker knows no call ${method}`);
  }
}

async function permitted(
  providers: Providers,
  { source, restriction }: { readonly source: SourceSpec; readonly restriction?: Restriction },
  access: SourceAccess | null,
  signal: AbortSignal,
): ReturnType<Providers['openSource']> {
  const look = (): Promise<void> => permitSource(source, restriction);
  await look();
  return lookedAtAgain(await providers.openSource(source, signal, access), look);
}

function needed(access: SourceAccess | null): SourceAccess {
  if (access === null) throw new Error('a question without its account');
  return access;
}

/** What one answer may hold; whoever has more saves the provider. */
const maxObjects = 20_000;
const maxBytes = 32 * 1024 * 1024;

type Whole = {
  product: string;
  version: string;
  systemId: string;
  objects: InventoryObject[];
  unreadable: Unreadable[];
  truncated: boolean;
};

/** All of a source up to its first `synced`, bounded. */
export async function firstInventory(
  news: AsyncIterable<InventoryNews>,
  most: { readonly objects: number; readonly bytes: number } = { objects: maxObjects, bytes: maxBytes },
): Promise<Whole> {
  const { strangeOrNull } = await import('./strange.ts'); // no other question has use for its schema
  const found = { product: '', version: '', systemId: '', truncated: false };
  const objects = new Map<string, InventoryObject>();
  const unreadable = new Map<string, Unreadable>();
  let bytes = 0;
  // Each object counts as often as it is told: a bound of the work, not only of the answer.
  const fits = (object: unknown): boolean => {
    bytes += JSON.stringify(object).length;
    return bytes <= most.bytes && objects.size + unreadable.size < most.objects;
  };
  const whole = (): Whole => ({ ...found, objects: [...objects.values()], unreadable: [...unreadable.values()] });
  for await (const one of news) {
    if (one.kind === 'synced') break;
    if (one.kind === 'snapshot') {
      const { product, version, systemId } = one;
      Object.assign(found, { product, version, systemId });
      continue;
    }
    for (const object of one.objects) {
      if (one.kind === 'gone' || !fits(object)) {
        if (one.kind !== 'gone') return { ...whole(), truncated: true };
        objects.delete(`${'kind' in object ? object.kind : ''} ${object.ref}`);
      } else if ('code' in object) unreadable.set(object.ref, object);
      else if ('data' in object) {
        // The server takes the answer as a whole: one such object would cost all the others.
        const strange = strangeOrNull(object);
        if (strange === null) objects.set(`${object.kind} ${object.ref}`, object);
        else unreadable.set(strange.ref, strange);
      }
    }
  }
  return whole();
}
