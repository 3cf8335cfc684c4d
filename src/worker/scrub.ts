import type { Secrets } from '../model/provider.ts';

const hidden = '•••';

/**
 * The same without any of the secrets, wherever a system or a tool has repeated one (a refused sign-in that quotes the
 * password). Values of fewer than 4 characters are left: they are in every text. Pure.
 */
export function scrubbed<T>(value: T, secrets: Secrets): T {
  const found = Object.values(secrets)
    .flatMap((secret) => [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')])
    .filter((secret) => secret.length >= 4);
  if (found.length === 0) return value;
  return scrub(value, found) as T;
}

function scrub(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === 'string') return secrets.reduce((text, secret) => text.replaceAll(secret, hidden), value);
  if (Array.isArray(value)) return value.map((inner) => scrub(inner, secrets));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, scrub(inner, secrets)]));
}
