import type { Secrets } from '../model/provider.ts';

const hidden = '•••';
const shortest = 4;
/** A line of a key that is quoted by itself gives part of it away. */
const shortestLine = 16;

/**
 * The same without any of the secrets, wherever a system or a tool has repeated one (a refused sign-in that quotes the
 * password): as it is, a line of it, or as URLs, XML, JSON and sign-ins by base64 write it. Values of fewer than 4
 * characters are left: they are in every text. Pure.
 */
export function scrubbed<T>(value: T, secrets: Secrets): T {
  const found = Object.values(secrets)
    .filter((secret) => secret.length >= shortest)
    .flatMap((secret) => [secret, ...linesOf(secret)])
    .flatMap((secret) => [
      secret,
      encodeURIComponent(secret.toWellFormed()),
      ...asXml(secret),
      asJson(secret),
      ...asBase64(secret),
    ])
    .filter((secret) => secret.length >= shortest)
    // The longest first: what is left of one that another is part of would give the rest away.
    .sort((a, b) => b.length - a.length);
  if (found.length === 0) return value;
  return scrub(value, [...new Set(found)]) as T;
}

function scrub(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === 'string') return secrets.reduce((text, secret) => text.replaceAll(secret, hidden), value);
  if (Array.isArray(value)) return value.map((inner) => scrub(inner, secrets));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, scrub(inner, secrets)]));
}

function linesOf(secret: string): string[] {
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= shortestLine && !line.startsWith('-----'));
  return lines.length > 1 ? lines : [];
}

function asJson(secret: string): string {
  return JSON.stringify(secret).slice(1, -1);
}

/** By names and by numbers, as different programs do. */
function asXml(secret: string): string[] {
  const names: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' };
  const some = secret.replace(/[&<>]/g, (character) => `&${names[character]};`);
  const all = secret.replace(/[&<>"']/g, (character) => `&${names[character]};`);
  const numbers = secret.replace(/[&<>"'\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
  return [some, all, numbers];
}

/** Behind zero, one or two bytes that are not known ("name:" before it): only what it alone decides. */
function asBase64(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [0, 1, 2].flatMap((before) => {
    const from = before === 0 ? 0 : 3 - before;
    const whole = bytes.subarray(from, bytes.length - ((bytes.length - from) % 3));
    const text = whole.toString('base64');
    return text.length < 2 * shortest ? [] : [text, text.replaceAll('+', '-').replaceAll('/', '_')];
  });
}
