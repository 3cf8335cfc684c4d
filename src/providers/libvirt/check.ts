/** Looks whether a libvirt provider can be used, a row for each thing. One try to sign in, never more. */
import { stat } from 'node:fs/promises';
import { explain, toStored, WherryError } from '../../model/errors.ts';
import type { LibvirtAccount, Secrets } from '../../model/provider.ts';
import { findXml, parseXml } from '../domain/xml.ts';
import type { CheckResult, CheckRow } from '../provider.ts';
import { type LibvirtAddress, parseAddress } from './address.ts';
import {
  disksRow,
  encryptionRow,
  failedRow,
  passedRow,
  privilegesRow,
  stageOf,
  stagesOf,
  versionRow,
  warmRow,
} from './check-rows.ts';
import { readHost } from './inventory/read.ts';
import { versionText } from './inventory/host-objects.ts';
import { isLibvirtError, LibvirtError } from './rpc/libvirt-error.ts';
import { openSession, type Session } from './session.ts';
import { CertificateRefused } from './wire/certificate.ts';

/** Rows that may say no without a migration being impossible: what they find is worth knowing. */
const advice = new Set(['Encryption', 'Copying while the VM runs', 'Disks']);

export async function checkHost(account: LibvirtAccount, secrets: Secrets, signal: AbortSignal): Promise<CheckResult> {
  let address: LibvirtAddress;
  try {
    address = parseAddress(account.uri);
  } catch (error) {
    const { message, next } = explain(toStored(error));
    return result([{ what: 'Address', ok: false, detail: message, fix: next }], {});
  }
  const stages = stagesOf(address);
  let session: Session;
  try {
    session = await openSession(account, secrets, signal);
  } catch (error) {
    signal.throwIfAborted();
    const failed = stageOf(error);
    const at = stages.includes(failed) ? failed : 'sign-in';
    const passed = stages.slice(0, stages.indexOf(at)).map((stage) => passedRow(stage, address));
    return result([...passed, failedRow(at, address, error)], { certificate: shownBy(error, account) });
  }
  const rows = [...stages.map((stage) => passedRow(stage, address)), encryptionRow(address)];
  try {
    const host = await readHost(session, signal);
    rows.push(...(await inside(session, signal)));
    return result(rows, { product: `${host.product} ${host.version}`, version: host.version });
  } catch (error) {
    signal.throwIfAborted();
    const why = session.rpc.open ? refusal(error, address) : await session.whyEnded();
    return result([...rows, failedRow('inventory', address, why)], {});
  } finally {
    session.close();
  }
}

async function inside(session: Session, signal: AbortSignal): Promise<CheckRow[]> {
  const { address, calls } = session;
  const version = await calls.host.libraryVersion(signal);
  const text = versionText(version);
  const mayAct = await mayChange(session, signal);
  return [
    versionRow(version, text),
    privilegesRow(mayAct, address.session),
    passedRow('inventory', address),
    warmRow(address, version, text),
    disksRow(await pools(session, signal), address.transport === 'unix'),
  ];
}

async function mayChange({ more }: Session, signal: AbortSignal): Promise<boolean> {
  try {
    await more.probeWrite(signal);
    return true;
  } catch (error) {
    if (!(error instanceof LibvirtError)) throw error;
    return !isLibvirtError(error, 'operationDenied', 'accessDenied');
  }
}

async function pools({ calls }: Session, signal: AbortSignal) {
  const found: { name: string; path: string; here: boolean }[] = [];
  const all = await calls.pools.list(signal).catch((error: unknown) => {
    if (isLibvirtError(error, 'noSupport')) return [];
    throw error;
  });
  for (const pool of all) {
    if (!(await calls.pools.info(pool, signal)).active) continue;
    const path = findXml(parseXml(await calls.pools.xml(pool, signal)), 'target', 'path')?.text ?? '';
    const here =
      path !== '' &&
      (await stat(path).then(
        () => true,
        () => false,
      ));
    found.push({ name: pool.name, path, here });
  }
  return found;
}

function refusal(error: unknown, address: LibvirtAddress): unknown {
  if (!(error instanceof LibvirtError)) return error;
  return new WherryError('provider.refused', { system: address.uri, operation: 'to read its inventory' }, error);
}

/** What the user has to look at before it can be trusted: a certificate, or a host key, which has no more than a fingerprint. */
function shownBy(error: unknown, account: LibvirtAccount): CheckResult['certificate'] {
  if (error instanceof CertificateRefused) return error.certificate;
  if (!(error instanceof WherryError)) return null;
  if (error.code !== 'provider.host_key_untrusted' && error.code !== 'provider.host_key_changed') return null;
  const nothing = { subject: '', issuer: '', validFrom: '', validTo: '', names: [] };
  return { shown: String(error.params['shown'] ?? ''), trusted: account.hostKey ?? null, ...nothing };
}

function result(rows: readonly CheckRow[], rest: Partial<CheckResult>): CheckResult {
  const ok = rows.every((row) => row.ok || advice.has(row.what));
  return { rows, ok, product: '', version: '', certificate: null, role: '', ...rest };
}
