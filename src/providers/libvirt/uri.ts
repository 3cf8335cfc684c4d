/** Which daemon a libvirt URI means, and at which sockets it may listen on this host. */
import { WherryError } from '../../model/errors.ts';

export type LibvirtUri = {
  /** As the daemon wants to hear it: without what only a client needs to know. */
  readonly name: string;
  /** The daemon of the user alone: no root, no bridges. */
  readonly session: boolean;
  /** In the order in which they are tried. The modular daemon forwards storage and network calls itself. */
  readonly sockets: readonly string[];
};

/** @throws libvirt.uri_unsupported for anything that is not on this host. */
export function parseLibvirtUri(uri: string, runtimeDirectory: string | undefined): LibvirtUri {
  const match = /^(qemu|test):\/\/\/([a-z/]+)(?:\?(.*))?$/.exec(uri);
  if (match === null) throw new WherryError('libvirt.uri_unsupported', { uri });
  const [, driver, path] = match;
  const query = new URLSearchParams(match[3] ?? '');
  const socket = query.get('socket');
  for (const key of query.keys()) if (key !== 'socket') throw new WherryError('libvirt.uri_unsupported', { uri });
  if (driver === 'qemu' && path !== 'system' && path !== 'session') {
    throw new WherryError('libvirt.uri_unsupported', { uri });
  }
  const session = path === 'session';
  const directory = session ? `${runtimeDirectory ?? ''}/libvirt` : '/run/libvirt';
  const usual = session && runtimeDirectory === undefined ? [] : ['libvirt-sock', 'virtqemud-sock'];
  return {
    name: `${driver}:///${path}`,
    session,
    sockets: socket === null ? usual.map((name) => `${directory}/${name}`) : [socket],
  };
}
