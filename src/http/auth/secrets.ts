/** Random tokens and salted passwords. Tokens have 256 bits of their own, so that a plain SHA-256 of them is enough. */
import { createHash, randomBytes, scrypt, type ScryptOptions, timingSafeEqual } from 'node:crypto';

export type TokenKind = 'wherry' | 'wherry_worker' | 'wherry_setup' | 'wherry_session';

/** Starts with its kind, so that leaked ones can be found and told apart. */
export function newToken(kind: TokenKind): string {
  return `${kind}_${randomBytes(32).toString('base64url')}`;
}

export function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** The part of a token that may be shown. */
export function prefixOf(kind: TokenKind, token: string): string {
  return token.slice(0, kind.length + 7);
}

/** 32 MiB and about 100 ms each (OWASP's second choice for scrypt): at most two at a time. */
const cost = { N: 2 ** 15, r: 8, p: 3 } as const;
const keyBytes = 32;

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, cost);
  return `scrypt$${cost.N}$${cost.r}$${cost.p}$${salt.toString('base64url')}$${key.toString('base64url')}`;
}

/** @param stored null when there is no such user: it takes as long, so that nobody learns which names exist. */
export async function checkPassword(password: string, stored: string | null): Promise<boolean> {
  const [, n, r, p, salt, hash] = (stored ?? '').split('$');
  const expected = Buffer.from(hash ?? '', 'base64url');
  const parameters = stored === null ? cost : { N: Number(n), r: Number(r), p: Number(p) };
  const key = await derive(password, Buffer.from(salt ?? 'nobody', 'base64url'), parameters);
  return expected.length === keyBytes && timingSafeEqual(key, expected);
}

let turns: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];

function derive(password: string, salt: Buffer, parameters: { N: number; r: number; p: number }): Promise<Buffer> {
  const options: ScryptOptions = { ...parameters, maxmem: 256 * 1024 * 1024 };
  const [first = Promise.resolve(), ...rest] = turns;
  const turn = first.then(
    () =>
      new Promise<Buffer>((resolve, reject) => {
        scrypt(password.normalize('NFKC'), salt, keyBytes, options, (error, key) =>
          error === null ? resolve(key) : reject(error),
        );
      }),
  );
  turns = [...rest, turn.catch(() => undefined)];
  return turn;
}
