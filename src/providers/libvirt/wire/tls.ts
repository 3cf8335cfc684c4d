/**
 * TLS, as libvirt does it: after the handshake the daemon looks at our certificate, and says by a single byte that it is
 * content; without one it hangs up. That byte is read here. Nothing of ours is sent before the server's certificate passed.
 */
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { WherryError } from '../../../model/errors.ts';
import type { Trust } from '../../../model/provider.ts';
import type { LibvirtAddress } from '../address.ts';
import { checkedCertificate, judgeServer, trustOptions } from '../../net/trust.ts';
import { CertificateRefused } from './certificate.ts';
import { reach } from './tcp.ts';
import { reachMs, type Wire } from './wire.ts';

export type TlsAccount = {
  readonly trust: Trust;
  /** PEM; both or none. */
  readonly clientCertificate: string | null;
  readonly clientKey: string | null;
};

/** @throws provider.certificate_untrusted, provider.certificate_changed, provider.sign_in_refused (it wants a client certificate). */
export async function tlsWire(address: LibvirtAddress, account: TlsAccount, signal: AbortSignal): Promise<Wire> {
  const system = address.uri;
  const options = tlsOptions(system, address.host, account);
  const raw = await reach(address, signal);
  const socket = connectTls(system, { ...options, socket: raw });
  const late = setTimeout(
    () => socket.destroy(new WherryError('provider.hangs', { system, seconds: reachMs / 1000 })),
    reachMs,
  );
  const abort = (): void => void socket.destroy(new Error('canceled'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    await handshake(socket, system);
    const { certificate, problem } = judgeServer({ host: address.host, system }, account.trust, socket);
    if (problem !== null) throw new CertificateRefused(problem, checkedCertificate(certificate, account.trust));
    await confirmed(socket, system, account);
    return { readable: socket, writable: socket, destroy: () => socket.destroy() };
  } catch (error) {
    socket.destroy();
    raw.destroy();
    signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(late);
    signal.removeEventListener('abort', abort);
  }
}

function tlsOptions(system: string, host: string, account: TlsAccount): ConnectionOptions {
  const { clientCertificate: cert, clientKey: key, trust } = account;
  if ((cert === null) !== (key === null)) {
    throw new WherryError('provider.secret_missing', {
      system,
      secret: cert === null ? 'client certificate beside its key' : 'clientKey',
    });
  }
  return {
    host,
    ...trustOptions(host, trust),
    ...(cert === null || key === null ? {} : { cert, key }),
  };
}

function connectTls(system: string, options: ConnectionOptions): TLSSocket {
  try {
    return connect(options);
  } catch (error) {
    // OpenSSL's words about PEM name no content.
    const setting = options.cert === undefined ? 'certificate authority' : 'client certificate or key';
    throw new WherryError('provider.setting_wrong', { setting, why: `TLS does not take it for ${system}` }, error);
  }
}

function handshake(socket: TLSSocket, system: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', (error) => {
      if (error instanceof WherryError) reject(error);
      else
        reject(
          new WherryError(
            'provider.not_such_a_system',
            { system, expected: 'libvirt over TLS', found: 'it does not take our handshake' },
            error,
          ),
        );
    });
    socket.once('close', () => reject(new WherryError('provider.connection_lost', { system })));
  });
}

/** The one byte, 1, that the daemon sends once it has accepted our certificate (src/rpc/virnettlscontext.c). */
function confirmed(socket: TLSSocket, system: string, account: TlsAccount): Promise<void> {
  const user = account.clientCertificate === null ? 'a client without certificate' : 'a client with this certificate';
  return new Promise((resolve, reject) => {
    const refused = (error?: unknown): void => {
      if (error instanceof WherryError) reject(error);
      else reject(new WherryError('provider.sign_in_refused', { system, user }, error));
    };
    socket.once('error', refused);
    socket.once('close', () => refused());
    socket.once('readable', () => {
      const byte = socket.read(1) as Buffer | null;
      if (byte === null) return refused();
      socket.removeListener('error', refused);
      if (byte[0] === 1) resolve();
      else refused(new Error(`it answered with ${byte[0]}`));
    });
  });
}
