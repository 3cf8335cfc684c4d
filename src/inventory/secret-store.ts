import type { Db } from '../db/db.ts';
import { recordEvent } from '../db/event-store.ts';
import type { Vault } from '../db/vault-store.ts';
import type { RotatedSecrets } from './api.ts';

/** A new key for all secrets. @throws secrets.key_missing, secrets.damaged unless what is lost is to be forgotten */
export async function rotateSecrets(db: Db, vault: Vault, forgetLost: boolean, by: string): Promise<RotatedSecrets> {
  const { keyId, sealed, forgotten } = await vault.rotate(forgetLost);
  const severity = forgotten > 0 ? 'warning' : 'information';
  await recordEvent(db.kysely, { actor: by, code: 'secrets.rotated', params: { keyId, sealed, forgotten }, severity });
  return { keyId, sealed, forgotten };
}
