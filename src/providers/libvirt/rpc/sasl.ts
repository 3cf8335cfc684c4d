/**
 * Sign-in by SASL: SCRAM (RFC 5802, 7677), where the password never leaves us and the daemon proves that it knows it, and PLAIN
 * where what carries the bytes is encrypted. On plain TCP libvirt asks for a mechanism that encrypts as well (Kerberos), which
 * we do not have.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { RpcConnection } from './connection.ts';
import type { XdrReader, XdrWriter } from './xdr.ts';

export type SaslAccount = { readonly user: string; readonly password: string };

/** What we can answer, best first. */
export function chooseMechanism(offered: readonly string[], encrypted: boolean): string | null {
  const ours = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1', ...(encrypted ? ['PLAIN'] : [])];
  return ours.find((mechanism) => offered.includes(mechanism)) ?? null;
}

/** Answers of the client to the server's messages; the first has no question. */
export type SaslSteps = (question: Buffer | null) => Buffer;

/** @param nonce printable, without commas. @throws Error when the server's proof is wrong: it does not know the password. */
export function saslSteps(
  mechanism: string,
  account: SaslAccount,
  nonce = randomBytes(24).toString('base64'),
): SaslSteps {
  if (mechanism === 'PLAIN') return () => Buffer.from(`\0${account.user}\0${account.password}`, 'utf8');
  const hash = mechanism.slice('SCRAM-'.length).replace('-', '').toLowerCase();
  return scram(hash, account, nonce);
}

/** RFC 5802 and 7677 ask for 4096 at least: with fewer a false daemon could guess the password. Far more would be an attack on us. */
const iterationBounds = { least: 4_096, most: 1_000_000 };

function scram(hash: string, account: SaslAccount, nonce: string): SaslSteps {
  const name = account.user.normalize('NFKC').replaceAll('=', '=3D').replaceAll(',', '=2C');
  const bare = `n=${name},r=${nonce}`;
  let step = 0;
  let proof: Buffer | undefined;
  return (question) => {
    step++;
    if (step === 1) return Buffer.from(`n,,${bare}`, 'utf8');
    const text = (question ?? Buffer.alloc(0)).toString('utf8');
    const fields = new Map(text.split(',').map((part) => [part.slice(0, 1), part.slice(2)]));
    if (step === 2) {
      const their = fields.get('r') ?? '';
      const iterations = Number(fields.get('i'));
      if (
        !their.startsWith(nonce) ||
        their === nonce ||
        !(iterations >= iterationBounds.least && iterations <= iterationBounds.most)
      ) {
        throw new Error('the SASL challenge is wrong');
      }
      const salted = pbkdf2Sync(
        account.password.normalize('NFKC'),
        Buffer.from(fields.get('s') ?? '', 'base64'),
        iterations,
        createHash(hash).digest().length,
        hash,
      );
      const clientKey = createHmac(hash, salted).update('Client Key').digest();
      const without = `c=biws,r=${their}`;
      const message = `${bare},${text},${without}`;
      const signature = createHmac(hash, createHash(hash).update(clientKey).digest()).update(message).digest();
      proof = createHmac(hash, createHmac(hash, salted).update('Server Key').digest()).update(message).digest();
      const mine = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)));
      return Buffer.from(`${without},p=${mine.toString('base64')}`, 'utf8');
    }
    const shown = Buffer.from(fields.get('v') ?? '', 'base64');
    if (proof === undefined || shown.length !== proof.length || !timingSafeEqual(shown, proof)) {
      throw new Error('the daemon does not prove that it knows the password');
    }
    return Buffer.alloc(0);
  };
}

export async function saslMechanisms(rpc: RpcConnection, signal: AbortSignal): Promise<string[]> {
  const list = await rpc.call(
    67,
    () => undefined,
    (r) => r.string(),
    signal,
  );
  return list.split(/[ ,]+/).filter((name) => name !== '');
}

/** @throws LibvirtError authFailed; Error when the daemon gives no proof. */
export async function saslSignIn(
  rpc: RpcConnection,
  mechanism: string,
  steps: SaslSteps,
  signal: AbortSignal,
): Promise<void> {
  const first = steps(null);
  const start = (w: XdrWriter): void => {
    w.string(mechanism);
    writeData(w, first);
  };
  const scrams = mechanism.startsWith('SCRAM-');
  let answer = await rpc.call(68, start, readAnswer, signal);
  let proved = !scrams;
  for (let round = 0; round < 8; round++) {
    if (answer.complete && answer.data === null) break;
    const next = answer.data === null && !scrams ? Buffer.alloc(0) : steps(answer.data);
    // An empty answer of ours is the end of SCRAM: the proof was right.
    if (scrams && next.length === 0) proved = true;
    if (answer.complete) break;
    answer = await rpc.call(69, (w) => writeData(w, next), readAnswer, signal);
  }
  if (!answer.complete || !proved) throw new Error('the SASL exchange did not come to an end');
}

/** REMOTE_AUTH_SASL_DATA_MAX. Each byte takes a word: XDR has no smaller ones outside of opaque data. */
const maxData = 65_536;

function writeData(w: XdrWriter, data: Buffer): void {
  w.int(0); // not nil
  w.uint(data.length);
  for (const byte of data) w.int(byte > 127 ? byte - 256 : byte);
}

function readAnswer(r: XdrReader): { complete: boolean; data: Buffer | null } {
  const complete = r.int() !== 0;
  const nil = r.int() !== 0;
  const bytes = r.array(maxData, (each) => each.int());
  return { complete, data: nil ? null : Buffer.from(bytes.map((byte) => byte & 0xff)) };
}
