/**
 * What a libvirt URI of a provider says: which driver, over which transport, where. libvirt's own form,
 * `driver[+transport]://[user@][host][:port]/path[?socket=PATH]`; what would switch a check off or run a command is refused.
 */
import { WherryError } from '../../model/errors.ts';

export type LibvirtTransport = 'unix' | 'tcp' | 'tls' | 'ssh';

export type LibvirtAddress = {
  /** As the user wrote it: what errors name. */
  readonly uri: string;
  readonly driver: 'qemu' | 'xen' | 'test';
  readonly transport: LibvirtTransport;
  /** Empty for a unix socket. Without brackets, also when it is an IPv6 address. */
  readonly host: string;
  /** 0 for a unix socket. */
  readonly port: number;
  readonly user: string | null;
  /** As the daemon wants to hear it: without what only a client needs to know. */
  readonly name: string;
  /** The daemon of one user alone. */
  readonly session: boolean;
  /** The daemon's socket, on its own host, when it is not at the usual place. */
  readonly socket: string | null;
};

/** libvirt's own: src/remote/remote_driver.h, and ssh's. */
const ports = { unix: 0, tcp: 16_509, tls: 16_514, ssh: 22 } as const;

const form =
  /^(?<driver>[a-z]+)(?:\+(?<transport>[a-z0-9]+))?:\/\/(?:(?<user>[^/@?#]*)@)?(?<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)?(?::(?<port>\d{1,5}))?\/(?<path>[a-z]+)(?:\?(?<query>[^#]*))?$/;

/** @throws provider.setting_wrong, with what is wrong about it. */
export function parseAddress(uri: string): LibvirtAddress {
  const parts = form.exec(uri)?.groups;
  if (parts === undefined) throw wrong(`${shown(uri)} is not of the form qemu+ssh://user@host/system`);
  const driver = parts['driver'] ?? '';
  if (driver !== 'qemu' && driver !== 'xen' && driver !== 'test') {
    throw wrong(
      `the driver ${driver} is not one of qemu, xen, test${driver === 'esx' || driver === 'vpx' ? '; VMware is a provider of type vsphere' : ''}`,
    );
  }
  const host = (parts['host'] ?? '').replace(/^\[|\]$/g, '');
  const transport = parts['transport'] ?? (host === '' ? 'unix' : 'tls');
  if (transport !== 'unix' && transport !== 'tcp' && transport !== 'tls' && transport !== 'ssh') {
    throw wrong(`the transport ${transport} is not one of unix, tcp, tls, ssh`);
  }
  if ((transport === 'unix') !== (host === '')) {
    throw wrong(transport === 'unix' ? 'a unix socket is on no other host' : `${transport} needs a host`);
  }
  const path = parts['path'] ?? '';
  const known = driver === 'test' ? ['default'] : driver === 'xen' ? ['system'] : ['system', 'session'];
  if (!known.includes(path)) throw wrong(`the path of a ${driver} URI is /${known.join(' or /')}`);
  if (path === 'session' && transport !== 'unix' && transport !== 'ssh') {
    throw wrong(`a session daemon does not listen on ${transport}`);
  }
  const port = parts['port'] === undefined ? ports[transport] : Number(parts['port']);
  if (port > 65_535 || (transport !== 'unix' && port === 0)) throw wrong(`${port} is no port`);
  return {
    uri,
    driver,
    transport,
    host,
    port,
    user: userOf(parts['user']),
    name: `${driver}:///${path}`,
    session: path === 'session',
    socket: socketOf(parts['query'] ?? '', transport),
  };
}

function wrong(why: string): WherryError {
  return new WherryError('provider.setting_wrong', { setting: 'URI', why });
}

function userOf(text: string | undefined): string | null {
  if (text === undefined || text === '') return null;
  if (text.includes(':')) throw wrong('a password does not belong into it; give it as the secret "password"');
  let user: string;
  try {
    user = decodeURIComponent(text);
  } catch {
    throw wrong('the user name is not encoded as in a URI');
  }
  if (user.startsWith('-') || /[\s\p{Cc}]/u.test(user)) throw wrong('the user name cannot be one');
  return user;
}

function socketOf(query: string, transport: LibvirtTransport): string | null {
  const params = new URLSearchParams(query);
  for (const key of params.keys()) {
    if (key === 'no_verify' || key === 'no_sanity') throw wrong(`${key} is refused: who answers is always verified`);
    if (key !== 'socket')
      throw wrong(`the parameter ${key} is not supported; keys and certificates are given apart from it`);
  }
  const socket = params.get('socket');
  if (socket === null) return null;
  if (transport !== 'unix' && transport !== 'ssh') throw wrong(`${transport} has no socket`);
  if (!/^\/[A-Za-z0-9_./@+-]+$/.test(socket)) throw wrong('the socket is not an absolute path of plain characters');
  return socket;
}

/** A URI may hold a password by mistake: no error repeats it. */
function shown(uri: string): string {
  return uri.replace(/:\/\/[^/]*@/, '://…@');
}

/** The sockets of a daemon, in the order in which they are tried; the modular one forwards storage and network calls itself. */
export function socketsOf(
  address: Pick<LibvirtAddress, 'driver' | 'session' | 'socket'>,
  runtimeDirectory: string | undefined,
): readonly string[] {
  if (address.socket !== null) return [address.socket];
  if (address.session && runtimeDirectory === undefined) return [];
  const directory = address.session ? `${runtimeDirectory}/libvirt` : '/run/libvirt';
  const modular = { qemu: 'virtqemud-sock', xen: 'virtxend-sock', test: 'virtqemud-sock' }[address.driver];
  return [`${directory}/libvirt-sock`, `${directory}/${modular}`];
}
