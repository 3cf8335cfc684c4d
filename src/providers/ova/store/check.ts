/** Whether a store can be read, and whether uploads can go into it. */
import { access, constants, statfs } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { type ErrorCode, explain, toStored, WherryError } from '../../../model/errors.ts';
import type { OvaAccount, Secrets } from '../../../model/provider.ts';
import { roomOf } from '../../../model/room.ts';
import { checkedCertificate, handshake } from '../../net/trust.ts';
import { serverOf } from '../../net/https.ts';
import type { CheckResult, CheckRow } from '../../provider.ts';
import { realPathOf } from './directory.ts';
import { baseOf } from './address.ts';
import { webServer } from './http-server.ts';
import type { StoreReaders } from './read.ts';
import { scannerOf } from './scan.ts';
import { filesAt } from './web.ts';

export async function checkDirectory(
  location: string,
  readers: StoreReaders,
  signal: AbortSignal,
): Promise<CheckResult> {
  const rows: CheckRow[] = [];
  try {
    const root = await realPathOf(location);
    rows.push(passed('Directory', `${root} is there, on host ${hostname()}`));
    const { objects, unreadable } = await scannerOf(root, readers)(signal);
    const vms = objects.filter(({ kind }) => kind === 'vm').length;
    const broken =
      unreadable.length === 0 ? '' : `; ${unreadable.length} cannot be read and are listed with the reason`;
    rows.push(passed('Content', `${vms} VMs can be read${broken}`));
    const { freeBytes } = roomOf(await statfs(root));
    const free = `${Math.floor(freeBytes / 2 ** 30)} GiB are free`;
    const may = await access(root, constants.W_OK | constants.X_OK).then(
      () => true,
      () => false,
    );
    // A store that is only read is a good store: nothing that a migration needs.
    rows.push(
      passed('Uploads', may ? `possible; ${free}` : `not possible: ${userInfo().username} may not write there`),
    );
  } catch (error) {
    signal.throwIfAborted();
    rows.push(failed(rows.length === 0 ? 'Directory' : 'Content', error));
  }
  return result(rows, 'Directory', null);
}

export async function checkWeb(account: OvaAccount, secrets: Secrets, signal: AbortSignal): Promise<CheckResult> {
  const base = new URL(account.location);
  const rows: CheckRow[] = [];
  if (base.protocol === 'http:') {
    rows.push(
      passed('Encryption', 'none: what is read can be changed on the way, and a password be seen. Use https if it can'),
    );
  }
  using server = webServer(account, secrets);
  try {
    const { files, refused } = await filesAt(server, baseOf(account, secrets), signal);
    const broken = refused.length === 0 ? '' : `; ${refused.length} links are refused and listed with the reason`;
    rows.push(
      passed('Address', `${server.system} answers`),
      passed('Content', `${files.length} OVAs, OVFs and images are there${broken}`),
    );
    const [first] = files;
    if (first !== undefined) {
      await server.open(first, signal);
      rows.push(passed('Parts', 'files can be read in parts'));
    }
  } catch (error) {
    signal.throwIfAborted();
    rows.push(failed(stageOf(error), error));
    return result(rows, 'Web server', await certificateOf(account, error, signal));
  }
  return result(rows, 'Web server', null);
}

const stages: Readonly<Partial<Record<ErrorCode, string>>> = {
  'provider.certificate_untrusted': 'Certificate',
  'provider.certificate_changed': 'Certificate',
  'provider.sign_in_refused': 'Sign-in',
  'provider.no_ranges': 'Parts',
};

function stageOf(error: unknown): string {
  return (error instanceof WherryError ? stages[error.code] : undefined) ?? 'Address';
}

async function certificateOf(
  { location, trust }: OvaAccount,
  error: unknown,
  signal: AbortSignal,
): Promise<CheckResult['certificate']> {
  if (stageOf(error) !== 'Certificate') return null;
  const believed = trust ?? { kind: 'system' };
  const { socket, certificate } = await handshake(serverOf(new URL(location)), believed, signal);
  socket.destroy();
  return checkedCertificate(certificate, believed);
}

function passed(what: string, detail: string): CheckRow {
  return { what, ok: true, detail, fix: '' };
}

function failed(what: string, error: unknown): CheckRow {
  const { message, next, causes } = explain(toStored(error));
  return { what, ok: false, detail: causes[0] === undefined ? message : `${message} (${causes[0]})`, fix: next };
}

function result(rows: readonly CheckRow[], product: string, certificate: CheckResult['certificate']): CheckResult {
  return { rows, ok: rows.every(({ ok }) => ok), product, version: '', certificate, role: '' };
}
