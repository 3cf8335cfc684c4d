/** Questions about providers that a worker answers now. Secrets go with the question and nowhere else. */
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { addressOf, checkAccount, checkSecretNames, newAccount } from '../inventory/account.ts';
import { FoundInventory, ProviderCheck, type UnsavedProvider } from '../inventory/api.ts';
import type { Engine } from '../migration/engine.ts';
import { fromStored, WherryError } from '../model/errors.ts';
import { InventoryObject } from '../model/inventory.ts';
import type { ProviderAccount, Secrets } from '../model/provider.ts';

export type Asked = {
  readonly account: ProviderAccount;
  readonly secrets: Secrets;
  readonly workerId: string | null;
};

/** An account that came with the request. @throws provider.setting_wrong, provider.secret_unknown */
export function unsaved({ via = null, ...given }: UnsavedProvider): Asked {
  const { account, secrets } = newAccount(given.account, given.secrets ?? {});
  checkAccount(account);
  checkSecretNames(account, Object.keys(secrets));
  return { account, secrets, workerId: via };
}

export async function askCheck(engine: Engine, asked: Asked, signal: AbortSignal): Promise<ProviderCheck> {
  return parsed(ProviderCheck, await engine.call({ ...question('checkProvider', asked), patience: 2 }, signal));
}

export async function askInventory(engine: Engine, asked: Asked, signal: AbortSignal): Promise<FoundInventory> {
  return parsed(FoundInventory, await engine.call({ ...question('listProvider', asked), patience: 4 }, signal));
}

/** Null when there is no such VM. */
export async function askVm(
  engine: Engine,
  asked: Asked,
  ref: string,
  signal: AbortSignal,
): Promise<InventoryObject | null> {
  const answer = await engine.call(question('readProviderVm', asked, { ref }), signal);
  return answer === null ? null : parsed(InventoryObject, answer);
}

function question(
  method: 'checkProvider' | 'listProvider' | 'readProviderVm',
  { account, secrets, workerId }: Asked,
  more: object = {},
): Parameters<Engine['call']>[0] {
  return { method, params: { account, ...more }, secrets, ...(workerId === null ? {} : { workerId }) };
}

/** @throws what a check found, when the provider cannot be used: the certificate first, because nothing works before it */
export function refuseFailed(check: ProviderCheck, account: ProviderAccount): void {
  if (check.ok) return;
  const system = addressOf(account);
  const failed = check.rows.filter(({ ok }) => !ok);
  const causes = failed.map(({ what, detail, fix }) => [what, detail, fix].filter((part) => part !== '').join(': '));
  if (check.certificate !== null) {
    const { shown, trusted } = check.certificate;
    const kind = shown.startsWith('SHA256:') ? 'host_key' : 'certificate';
    const why = failed[0]?.detail ?? '';
    const params = { system, shown, why, ...(trusted === null ? {} : { trusted }) };
    throw fromStored({ code: `provider.${kind}_${trusted === null ? 'untrusted' : 'changed'}`, params, causes });
  }
  throw fromStored({ code: 'provider.check_failed', params: { system, count: failed.length }, causes });
}

/** A worker of another version may answer what we do not know: that is its defect, not the caller's. */
function parsed<T extends TSchema>(schema: T, value: unknown): Static<T> {
  if (!Value.Check(schema, value)) throw new WherryError('internal', {}, new Error('a worker gave a strange answer'));
  return value;
}
