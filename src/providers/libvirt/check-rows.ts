/** What a check of a libvirt provider says, row by row. Pure. */
import { type ErrorCode, explain, toStored, WherryError } from '../../model/errors.ts';
import type { CheckRow } from '../provider.ts';
import type { LibvirtAddress } from './address.ts';

export type Stage = 'address' | 'port' | 'certificate' | 'host-key' | 'sign-in' | 'inventory';

/** In the order in which a connection goes through them. */
export function stagesOf(address: LibvirtAddress): Stage[] {
  const identity: Stage[] =
    address.transport === 'tls' ? ['certificate'] : address.transport === 'ssh' ? ['host-key'] : [];
  return [...(address.host === '' ? [] : ['address' as const]), 'port', ...identity, 'sign-in'];
}

/** Where an error stopped it, when that is not the sign-in. */
const stages: Readonly<Partial<Record<ErrorCode, Stage>>> = {
  'provider.name_unknown': 'address',
  'provider.unreachable': 'port',
  'provider.not_such_a_system': 'port',
  'provider.unsupported_here': 'port',
  'libvirt.not_running': 'port',
  'provider.certificate_untrusted': 'certificate',
  'provider.certificate_changed': 'certificate',
  'provider.host_key_untrusted': 'host-key',
  'provider.host_key_changed': 'host-key',
};

export function stageOf(error: unknown): Stage {
  return (error instanceof WherryError ? stages[error.code] : undefined) ?? 'sign-in';
}

export function passedRow(stage: Stage, address: LibvirtAddress): CheckRow {
  const where = address.host === '' ? 'the socket of this host' : `${address.host} port ${address.port}`;
  switch (stage) {
    case 'address':
      return row('Address', `${address.host} can be resolved`);
    case 'port':
      return row(address.host === '' ? 'Socket' : 'Port', `${where} takes connections`);
    case 'certificate':
      return row('Certificate', 'the one that is trusted');
    case 'host-key':
      return row('Host key', 'the one that is trusted');
    case 'sign-in':
      return row('Sign-in', `let in${address.user === null ? '' : ` as ${address.user}`}`);
    case 'inventory':
      return row('Inventory', 'can be read');
    default:
      return stage satisfies never;
  }
}

export function failedRow(stage: Stage, address: LibvirtAddress, error: unknown): CheckRow {
  const { message, next, causes } = explain(toStored(error));
  const cause = causes[0] === undefined ? '' : ` (${causes[0]})`;
  return { what: passedRow(stage, address).what, ok: false, detail: `${message}${cause}`, fix: next };
}

/** Plain TCP works, and is said for what it is: everything on it, a password too, can be read and changed on the way. */
export function encryptionRow(address: LibvirtAddress): CheckRow {
  if (address.transport !== 'tcp') {
    const how = { unix: 'it does not leave this host', ssh: 'by ssh', tls: 'by TLS' }[address.transport];
    return row('Encryption', how);
  }
  return {
    what: 'Encryption',
    ok: false,
    detail: 'none: whoever is between the worker and the host can read and change everything',
    fix: `Use qemu+ssh or qemu+tls instead, or make sure that nobody else is on that network.`,
  };
}

/** libvirt 4.0: event callbacks and typed lists as they are used here; Debian 10's is 5.0. */
const oldest = 4_000_000;

export function versionRow(version: number, text: string): CheckRow {
  if (version >= oldest) return row('Version', `libvirt ${text}`);
  return {
    what: 'Version',
    ok: false,
    detail: `libvirt ${text} is older than 4.0.0`,
    fix: 'Upgrade libvirt on the host.',
  };
}

export function privilegesRow(mayAct: boolean, session: boolean): CheckRow {
  if (mayAct && !session) return row('Privileges', 'may look and act');
  if (mayAct) return row('Privileges', 'may look and act, for the VMs of this one user (session daemon)');
  return {
    what: 'Privileges',
    ok: false,
    detail: 'may look only: the inventory can be read, but no VM can be moved',
    fix: 'Use an account that may manage VMs (group libvirt, or root) and the socket libvirt-sock, not libvirt-sock-ro.',
  };
}

/** The backup API as Wherry would use it: incremental, stable since libvirt 7.2 with QEMU 5.2 (libvirt's NEWS). */
const backup = 7_002_000;

export function warmRow(address: LibvirtAddress, version: number, text: string): CheckRow {
  const what = 'Copying while the VM runs';
  if (address.driver !== 'qemu') {
    return {
      what,
      ok: false,
      detail: `${address.driver} has no backup API`,
      fix: 'VMs of this host are copied while they are off.',
    };
  }
  if (version >= backup) return row(what, `libvirt ${text} has the backup API`);
  const fix = 'Upgrade libvirt to 7.2 or newer; until then VMs of this host are copied while they are off.';
  return { what, ok: false, detail: `the backup API needs libvirt 7.2, this is ${text}`, fix };
}

/** Whether this worker can open disks as files, which is the fastest way. */
export function disksRow(
  pools: readonly { readonly name: string; readonly path: string; readonly here: boolean }[],
  local: boolean,
): CheckRow {
  const what = 'Disks';
  if (pools.length === 0) {
    return {
      what,
      ok: false,
      detail: 'the host has no active storage pool',
      fix: 'Disks outside of pools are found, but their sizes may not be known. Define pools: virsh pool-define-as.',
    };
  }
  const here = pools.filter((pool) => pool.here).map((pool) => pool.name);
  if (local && here.length > 0)
    return row(what, `this worker runs on the host and sees the files of ${here.join(', ')}`);
  return row(
    what,
    `${pools.length} storage pool${pools.length === 1 ? '' : 's'}; this worker does not run on the host: run one there for the shortest way to the disks`,
  );
}

function row(what: string, detail: string): CheckRow {
  return { what, ok: true, detail, fix: '' };
}
