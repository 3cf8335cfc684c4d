/** A signed-in session with the daemon of a provider, over whichever transport its URI names. */
import type { LibvirtAccount, Secrets } from '../../model/provider.ts';
import { WherryError } from '../../model/errors.ts';
import { type LibvirtAddress, parseAddress, socketsOf } from './address.ts';
import { type LibvirtCalls, libvirtCalls } from './rpc/calls.ts';
import { type RpcConnection, type RpcOptions, speakRpc } from './rpc/connection.ts';
import { type InventoryCalls, inventoryCalls } from './rpc/inventory-calls.ts';
import { LibvirtError } from './rpc/libvirt-error.ts';
import { signInSession } from './sign-in.ts';
import { sshWire } from './wire/ssh.ts';
import { tcpWire } from './wire/tcp.ts';
import { tlsWire } from './wire/tls.ts';
import { unixWire } from './wire/unix.ts';
import type { Wire } from './wire/wire.ts';

export type Session = {
  readonly address: LibvirtAddress;
  readonly rpc: RpcConnection;
  readonly calls: LibvirtCalls;
  readonly more: InventoryCalls;
  /** What ended it, in the words of what carried it where that knows better. */
  whyEnded(): Promise<Error>;
  close(): void;
};

export type SessionOptions = Pick<RpcOptions, 'keepAlive' | 'answerMs'>;

/**
 * Connects, verifies who answers, signs in, opens the driver, begins to ping. Closed when `signal` aborts before it is there.
 * @throws provider.*, libvirt.not_running, libvirt.not_allowed.
 */
export async function openSession(
  account: LibvirtAccount,
  secrets: Secrets,
  signal: AbortSignal,
  options: SessionOptions = {},
): Promise<Session> {
  const address = parseAddress(account.uri);
  const system = address.uri;
  const wire = await openWire(address, account, secrets, signal);
  const rpc = speakRpc(wire, {
    ...options,
    lost: (cause) => new WherryError('provider.connection_lost', { system }, cause),
    silent: (seconds) => new WherryError('provider.hangs', { system, seconds }),
  });
  const better = async (error: unknown): Promise<unknown> => {
    if (!(error instanceof WherryError) || error.code !== 'provider.connection_lost') return error;
    return (await wire.reason?.()) ?? error;
  };
  const close = (): void => rpc.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    const calls = libvirtCalls(rpc);
    await signInSession({ address, rpc, calls, secrets }, signal);
    await calls.open(address.name, signal);
    wire.signedIn?.();
    const more = inventoryCalls(rpc);
    if (await more.supportsKeepAlive(signal)) rpc.keepAlive();
    return { address, rpc, calls, more, close, whyEnded: async () => (await better(await rpc.ended)) as Error };
  } catch (error) {
    const aborted = signal.aborted;
    const why = aborted ? signal.reason : await better(error);
    close();
    if (aborted) throw why;
    if (why instanceof LibvirtError)
      throw new WherryError('provider.refused', { system, operation: 'the connection' }, why);
    throw why;
  } finally {
    signal.removeEventListener('abort', close);
  }
}

async function openWire(
  address: LibvirtAddress,
  account: LibvirtAccount,
  secrets: Secrets,
  signal: AbortSignal,
): Promise<Wire> {
  switch (address.transport) {
    case 'unix':
      return unixWire(address.uri, socketsOf(address, process.env['XDG_RUNTIME_DIR']), signal);
    case 'tcp':
      return tcpWire(address, signal);
    case 'tls': {
      const clientCertificate = account.clientCertificate ?? null;
      const clientKey = secrets['clientKey'] ?? null;
      return tlsWire(address, { trust: account.trust ?? { kind: 'system' }, clientCertificate, clientKey }, signal);
    }
    case 'ssh':
      return sshWire(address, { trusted: account.hostKey ?? null, secrets }, signal);
    default:
      return address.transport satisfies never;
  }
}
