/** What a check asks once it is let in: licence, privileges, ways to read disks; and the clock before that. */
import { runChild } from '../../process/child.ts';
import type { HttpsServer } from '../net/https.ts';
import { bytesOf } from '../net/https.ts';
import type { CheckRow } from '../provider.ts';
import { as } from './inventory/props.ts';
import { readObjects } from './inventory/reader.ts';
import { privileges, type Privilege } from './privileges.ts';
import type { Session } from './session.ts';
import { vim, type ManagedName, type Ref, type VimInput } from './vim25/schema.ts';
import { VimFault } from './vim25/soap.ts';

/** `required`: without it no migration at all. */
export type Row = CheckRow & { readonly required: boolean };

/** Certificates and tickets are judged by the clock; more than this and they start to be refused. */
const maxSkewMs = 5 * 60_000;
/** Privileges are asked for on this many VMs and datastores: enough to see a role that is missing somewhere. */
const sample = 20;

/** Null when the server does not say what time it is. */
export async function clockRow(https: HttpsServer, signal: AbortSignal): Promise<Row | null> {
  const begun = Date.now();
  const answer = await https
    .send({ method: 'GET', path: '/sdk/vimServiceVersions.xml', repeatable: true }, signal)
    .catch(() => null);
  if (answer === null) return null;
  await bytesOf(answer, 1024 * 1024).catch(() => undefined);
  return skewRow(answer.headers.date, (begun + Date.now()) / 2);
}

/** `now` in ms since 1970. */
export function skewRow(date: string | undefined, now: number): Row | null {
  const theirs = date === undefined ? Number.NaN : Date.parse(date);
  if (Number.isNaN(theirs)) return null;
  // The header has whole seconds.
  const skewMs = Math.abs(theirs + 500 - now);
  const ok = skewMs <= maxSkewMs;
  const seconds = Math.round(skewMs / 1000);
  return {
    what: 'clock',
    ok,
    detail: ok ? 'its clock and ours agree' : `its clock and ours are ${seconds} s apart`,
    fix: ok ? '' : 'Set both by the same time server: sessions, tickets and certificates depend on it.',
    required: false,
  };
}

type Licence = { readonly name: string; readonly editionKey: string };

export async function licenceRow(session: Session, signal: AbortSignal): Promise<Row> {
  const { about, licenseManager } = session.content;
  const licences: Licence[] = [];
  if (licenseManager !== undefined) {
    const filter = propertyOf(licenseManager, 'LicenseManager', 'licenses');
    try {
      for await (const read of readObjects(session, filter, signal)) {
        if ('object' in read)
          licences.push(...(as<'LicenseManager'>(read.object, 'LicenseManager')?.get('licenses') ?? []));
      }
    } catch (error) {
      if (!(error instanceof VimFault)) throw error;
      // Who may not see licences may still migrate: a host's first refusal then says it.
    }
  }
  return judgeLicence(about, licences);
}

export function judgeLicence(
  about: { readonly fullName: string; readonly apiType: string },
  licences: readonly Licence[],
): Row {
  const names = licences.map(({ name }) => name).join(', ');
  const detail = names === '' ? about.fullName : `${about.fullName}; licence: ${names}`;
  // The free edition reads its inventory to anybody and refuses every snapshot, export and power call.
  const free = about.apiType === 'HostAgent' && licences.some(({ editionKey }) => /^esxBasic/i.test(editionKey));
  return {
    what: 'version and licence',
    ok: !free,
    detail: free ? `${detail}. The free edition of ESXi refuses snapshots, exports and power calls` : detail,
    fix: free ? 'Give the host a licence that has the vStorage APIs, or add it to a vCenter and use that.' : '',
    required: true,
  };
}

/** A row for each privilege: on how many of some VMs and datastores it is granted. */
export async function privilegeRows(session: Session, signal: AbortSignal): Promise<Row[]> {
  const { rootFolder } = session.content;
  const found = {
    root: [rootFolder],
    vm: await someOf(session, 'VirtualMachine', signal),
    datastore: await someOf(session, 'Datastore', signal),
  };
  const rows: Row[] = [];
  for (const on of ['root', 'vm', 'datastore'] as const) {
    const wanted = privileges.filter((privilege) => privilege.on === on);
    if (wanted.length === 0) continue;
    const entities = found[on].length === 0 ? found.root : found[on];
    const granted = await grantedOn(
      session,
      entities,
      wanted.map(({ id }) => id),
      signal,
    );
    for (const privilege of wanted) rows.push(privilegeRow(privilege, granted.get(privilege.id) ?? 0, entities.length));
  }
  const order = privileges.map(({ id }) => `privilege ${id}`);
  return rows.sort((a, b) => order.indexOf(a.what) - order.indexOf(b.what));
}

function privilegeRow({ id, for: what, on, required }: Privilege, granted: number, asked: number): Row {
  const ok = granted === asked;
  const where = `granted on ${granted} of ${asked} ${on === 'datastore' ? 'datastores' : 'VMs'}`;
  return {
    what: `privilege ${id}`,
    ok,
    detail: `for ${what}: ${ok ? 'granted' : asked === 1 ? 'missing' : where}`,
    fix: ok ? '' : `Give the account's role ${id}; the whole role is printed below the check.`,
    required,
  };
}

/** On how many of these each privilege is granted. */
async function grantedOn(
  session: Session,
  entity: readonly Ref[],
  privId: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const manager = session.content.authorizationManager;
  const counts = new Map<string, number>();
  if (manager === undefined) return counts;
  const count = (id: string): void => void counts.set(id, (counts.get(id) ?? 0) + 1);
  const user = await session.user();
  try {
    const input = { entity, sessionId: user.key, privId };
    for (const { privAvailability } of await session.call('HasPrivilegeOnEntities', manager, input, { signal })) {
      for (const { privId: id, isGranted } of privAvailability) if (isGranted) count(id);
    }
  } catch (error) {
    if (!(error instanceof VimFault)) throw error;
    // Older hosts, and accounts that may not ask about sessions.
    const input = { entities: entity, userName: user.userName };
    const answers = await session.call('FetchUserPrivilegeOnEntities', manager, input, { signal }).catch(() => []);
    for (const { privileges: ids } of answers) for (const id of privId) if (ids.includes(id)) count(id);
  }
  return counts;
}

/** The ways to read a disk, each with what it needs. One of them must be there. */
export async function transportRows(rows: readonly Row[]): Promise<Row[]> {
  const vddk = await runChild('nbdkit', ['--dump-plugin', 'vddk'], { timeoutMs: 10_000 }).then(
    () => true,
    () => false,
  );
  return judgeTransports(rows, vddk);
}

export function judgeTransports(rows: readonly Row[], hasVddk: boolean): Row[] {
  const lacks = (way: string): string[] =>
    privileges
      .filter(({ for: what }) => what === 'reading disks' || what === `reading disks by ${way}`)
      .filter(({ id }) => rows.some(({ what, ok }) => what === `privilege ${id}` && !ok))
      .map(({ id }) => id);
  const row = (way: string, there: boolean, good: string, fix: string): Row => {
    const missing = lacks(way);
    const ok = there && missing.length === 0;
    const why = there ? `the account lacks ${missing.join(', ')}` : 'it is not installed on this worker';
    return { what: `transport ${way}`, ok, detail: ok ? good : why, fix: ok ? '' : fix, required: false };
  };
  const role = 'Give the account the role that is printed below the check.';
  const found = [
    row('https-range', true, 'only changed ranges travel; VMFS and NFS', role),
    row('nfc-lease', true, 'any datastore, whole disks', role),
    row(
      'vddk',
      hasVddk,
      'any datastore, the fastest',
      hasVddk
        ? role
        : "Not needed. To have it: nbdkit's vddk plugin (Debian 13: nbdkit-plugin-vddk) and VMware's library.",
    ),
  ];
  const any = found.some(({ ok }) => ok);
  return found.map((one) => ({ ...one, required: !any }));
}

async function someOf(session: Session, type: ManagedName, signal: AbortSignal): Promise<Ref[]> {
  const { viewManager, rootFolder } = session.content;
  if (viewManager === undefined) return [];
  const input = { container: rootFolder, type: [type], recursive: true };
  const view = await session.call('CreateContainerView', viewManager, input, { signal });
  const refs: Ref[] = [];
  for await (const read of readObjects(session, namesIn(view, type), signal)) {
    if ('object' in read) refs.push(read.object.ref);
    if (refs.length >= sample) break;
  }
  await session.call('DestroyView', view, {}, { signal }).catch(() => undefined);
  return refs;
}

function namesIn(view: Ref, type: string): VimInput<'PropertyFilterSpec'> {
  const traversal = vim('TraversalSpec', { name: 'view', type: 'ContainerView', path: 'view', skip: false });
  return {
    propSet: [{ type, all: false, pathSet: ['name'] }],
    objectSet: [{ obj: view, skip: true, selectSet: [traversal] }],
  };
}

function propertyOf(obj: Ref, type: string, path: string): VimInput<'PropertyFilterSpec'> {
  return { propSet: [{ type, all: false, pathSet: [path] }], objectSet: [{ obj, skip: false }] };
}
