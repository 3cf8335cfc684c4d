/**
 * The wire to a libvirt daemon: finds its socket, connects, signs in, opens the driver.
 *
 * A session daemon is not started by us, unlike virsh does: a step runs in a pid namespace whose end kills all that was
 * started inside, so a daemon of ours would take the user's guests along with it. The error says how to start one.
 */
import { stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { WherryError } from '../../model/errors.ts';
import { type LibvirtCalls, libvirtCalls } from './rpc/calls.ts';
import { speakRpc } from './rpc/connection.ts';
import { isLibvirtError, LibvirtError } from './rpc/libvirt-error.ts';
import { parseLibvirtUri } from './uri.ts';
import { unixWire } from './wire/unix.ts';

export type LibvirtClient = LibvirtCalls & {
  readonly uri: string;
  readonly session: boolean;
  /** The user that the daemon runs as, and so the owner of what it makes. */
  readonly daemonUid: number;
  readonly connected: boolean;
  disconnect(): void;
};

const auth = { none: 0, sasl: 1, polkit: 2 };

/**
 * @param uri qemu:///system, qemu:///session, test:///default; each may carry `?socket=PATH`.
 * @throws libvirt.not_running, libvirt.not_allowed, libvirt.uri_unsupported, libvirt.refused.
 */
export async function connectLibvirt(uri: string, signal: AbortSignal): Promise<LibvirtClient> {
  const target = parseLibvirtUri(uri, process.env['XDG_RUNTIME_DIR']);
  const wire = await unixWire(uri, target.sockets, signal);
  const socket = wire.path;
  const rpc = speakRpc(wire, {
    lost: (cause) => new WherryError('libvirt.connection_lost', { socket }, cause),
    silent: (seconds) => new WherryError('libvirt.no_answer', { socket, seconds }),
  });
  try {
    const calls = libvirtCalls(rpc);
    await signIn(calls, uri, signal);
    await calls.open(target.name, signal);
    const daemonUid = (await stat(socket)).uid;
    return {
      ...calls,
      uri,
      session: target.session,
      daemonUid,
      get connected() {
        return rpc.open;
      },
      disconnect: () => rpc.close(),
    };
  } catch (error) {
    rpc.close();
    if (error instanceof LibvirtError) throw new WherryError('libvirt.refused', { uri }, error);
    throw error;
  }
}

async function signIn(calls: LibvirtCalls, uri: string, signal: AbortSignal): Promise<void> {
  const user = userInfo().username;
  let types: number[];
  try {
    types = await calls.authList(signal);
    if (types.length === 0 || types.includes(auth.none)) return;
    if (types.includes(auth.polkit) && (await calls.authPolkit(signal))) return;
  } catch (error) {
    if (!isLibvirtError(error, 'authFailed', 'authCancelled', 'authUnavailable')) throw error;
    throw new WherryError('libvirt.not_allowed', { uri, user }, error);
  }
  throw new WherryError(
    'libvirt.not_allowed',
    { uri, user },
    new Error(`the daemon asks for sign-in of type ${types.join(', ')}`),
  );
}
