/**
 * A secret as it is stored: `wherry1:KEYID:BASE64URL(nonce, ciphertext, tag)`, AES-256-GCM with a nonce of 96 random bits.
 * What it belongs to (`about`: a provider and the secret's name) is authenticated with it, so that a sealed text that is
 * moved to another row does not open.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const form = 'wherry1';
const cipher = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;
export const keyBytes = 32;

export type Key = { readonly id: string; readonly bytes: Buffer };

export function seal(key: Key, about: readonly string[], plain: string): string {
  const nonce = randomBytes(nonceBytes);
  const machine = createCipheriv(cipher, key.bytes, nonce).setAAD(additional(key.id, about));
  const parts = [nonce, machine.update(plain, 'utf8'), machine.final(), machine.getAuthTag()];
  return `${form}:${key.id}:${Buffer.concat(parts).toString('base64url')}`;
}

/** Which key opens it; null when it is not of this form. */
export function keyIdOf(sealed: string): string | null {
  const [version, keyId, text] = sealed.split(':');
  return version === form && keyId !== undefined && text !== undefined ? keyId : null;
}

/** @throws an Error without any of the secret when it was changed, moved, or sealed with another key */
export function unseal(key: Key, about: readonly string[], sealed: string): string {
  const bytes = Buffer.from(sealed.split(':')[2] ?? '', 'base64url');
  if (bytes.length < nonceBytes + tagBytes) throw new Error('a sealed secret is cut off');
  const machine = createDecipheriv(cipher, key.bytes, bytes.subarray(0, nonceBytes));
  machine.setAAD(additional(key.id, about)).setAuthTag(bytes.subarray(bytes.length - tagBytes));
  const inner = bytes.subarray(nonceBytes, bytes.length - tagBytes);
  return Buffer.concat([machine.update(inner), machine.final()]).toString('utf8');
}

function additional(keyId: string, about: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify([form, keyId, ...about]), 'utf8');
}
