/** Whether a vCenter or ESXi host can be used: everything in the order in which it is needed, up to what is wrong. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { explain, toStored, WherryError } from '../../model/errors.ts';
import type { Trust, VsphereAccount } from '../../model/provider.ts';
import { networkError, type At } from '../net/errors.ts';
import { HttpsServer, serverOf, usualLimits } from '../net/https.ts';
import { checkedCertificate, handshake, type Shown } from '../net/trust.ts';
import type { CheckResult, CheckRow } from '../provider.ts';
import { clockRow, licenceRow, privilegeRows, transportRows, type Row } from './check-rows.ts';
import { roleText } from './privileges.ts';
import { Session, wherryError } from './session.ts';
import { negotiateVersion } from './version.ts';

/** One handshake, one sign-in, one try of the password. */
export async function checkSystem(
  account: VsphereAccount,
  password: string | undefined,
  signal: AbortSignal,
): Promise<CheckResult> {
  const url = new URL(account.url);
  const at = serverOf(url);
  const result = new Rows(at.system, roleText(account.username));
  await result.step('name resolution', () => resolve(at.host));
  const shown = await result.step('port', () => connectTo(at, account.trust, signal));
  if (shown !== null) result.certificate(shown.value, account.trust);
  const https = new HttpsServer(url, account.trust, usualLimits);
  try {
    await result.step('vSphere', async () => {
      const version = await negotiateVersion(https, signal);
      return { value: version, detail: `API ${version}` };
    });
    await result.askClock(https, signal);
  } finally {
    https[Symbol.dispose]();
  }
  const signedIn = await result.step('sign-in', async () => {
    const session = await Session.open(account, password, signal);
    return { value: session, detail: `as ${account.username}` };
  });
  if (signedIn === null) return result.done();
  await using session = signedIn.value;
  const { about } = session.content;
  result.product(about.fullName, about.version);
  await result.rowsOf('version and licence', async () => [await licenceRow(session, signal)]);
  await result.rowsOf('privileges', () => privilegeRows(session, signal));
  await result.rowsOf('transports', () => transportRows(result.rows));
  return result.done();
}

type Found<T> = { readonly value: T; readonly detail: string };

/** The rows so far. Once a step has failed the later ones are not tried: they could only fail for the same reason. */
class Rows {
  readonly #system: string;
  readonly #role: string;
  readonly #rows: Row[] = [];
  #stopped = false;
  #about = { product: '', version: '' };
  #certificate: CheckResult['certificate'] = null;

  constructor(system: string, role: string) {
    this.#system = system;
    this.#role = role;
  }

  get rows(): readonly Row[] {
    return this.#rows;
  }

  async step<T>(what: string, look: () => Promise<Found<T>>): Promise<Found<T> | null> {
    if (this.#stopped) return null;
    try {
      const found = await look();
      this.add({ what, ok: true, detail: found.detail, fix: '', required: true });
      return found;
    } catch (error) {
      this.#fail(what, error);
      return null;
    }
  }

  #fail(what: string, thrown: unknown): void {
    const error = wherryError(thrown, this.#system, what);
    // Anything else is the signal's, or a defect of ours.
    if (!(error instanceof WherryError)) throw thrown;
    this.#stopped = true;
    this.add(failed(what, error));
  }

  /** Rows of their own; one that says why, when they could not be had. */
  async rowsOf(what: string, look: () => Promise<readonly Row[]>): Promise<void> {
    if (this.#stopped) return;
    try {
      this.add(...(await look()));
    } catch (error) {
      this.#fail(what, error);
    }
  }

  /** What the server showed, and whether it is believed. Nothing is sent there when it is not. */
  certificate({ certificate, problem }: Shown, trust: Trust): void {
    const { sha256, validFrom, validTo, names } = certificate;
    if (problem === null) {
      const why = trust.kind === 'pinned' ? 'trusted by its fingerprint' : 'trusted by its authority';
      const detail = `${why}; SHA-256 ${sha256}; ${validFrom} to ${validTo}; ${names.join(', ')}`;
      this.add({ what: 'certificate', ok: true, detail, fix: '', required: true });
      return;
    }
    this.#stopped = true;
    this.#certificate = checkedCertificate(certificate, trust);
    this.add(failed('certificate', problem));
  }

  async askClock(https: HttpsServer, signal: AbortSignal): Promise<void> {
    if (this.#stopped) return;
    const row = await clockRow(https, signal);
    if (row !== null) this.add(row);
  }

  product(product: string, version: string): void {
    this.#about = { product, version };
  }

  add(...rows: readonly Row[]): void {
    this.#rows.push(...rows);
  }

  done(): CheckResult {
    const rows: CheckRow[] = this.#rows.map(({ what, ok, detail, fix }) => ({ what, ok, detail, fix }));
    const ok = !this.#stopped && this.#rows.every((row) => row.ok || !row.required);
    return { rows, ok, ...this.#about, certificate: this.#certificate, role: this.#role };
  }
}

function failed(what: string, error: WherryError): Row {
  const { message, next, causes } = explain(toStored(error));
  return { what, ok: false, detail: [message, ...causes].join(': '), fix: next, required: true };
}

async function resolve(host: string): Promise<Found<null>> {
  if (isIP(host) !== 0) return { value: null, detail: `${host} is an address` };
  try {
    const found = await lookup(host, { all: true });
    return { value: null, detail: found.map(({ address }) => address).join(', ') };
  } catch (error) {
    throw new WherryError('provider.name_unknown', { system: host, host }, error);
  }
}

async function connectTo(at: At, trust: Trust, signal: AbortSignal): Promise<Found<Shown>> {
  const limit = AbortSignal.timeout(usualLimits.connectMs);
  try {
    const { socket, ...shown } = await handshake(at, trust, AbortSignal.any([signal, limit]));
    socket.destroy();
    return { value: shown, detail: `${at.port} answers` };
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) {
      throw new WherryError('provider.hangs', { system: at.system, seconds: usualLimits.connectMs / 1000 });
    }
    throw networkError(error, at, 'connecting');
  }
}
