/** Whose certificates are believed, and what a server showed instead. Nothing of ours is sent before that is settled. */
import { X509Certificate } from 'node:crypto';
import { checkServerIdentity, connect, getCACertificates, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { isIP } from 'node:net';
import { WherryError } from '../../model/errors.ts';
import type { Trust } from '../../model/provider.ts';

/** What a person looks at before trusting it. Fingerprints are lower-case hex without colons, times ISO 8601. */
export type ShownCertificate = {
  readonly sha256: string;
  readonly sha1: string;
  readonly subject: string;
  readonly issuer: string;
  readonly validFrom: string;
  readonly validTo: string;
  readonly names: readonly string[];
};

export type TlsServer = {
  readonly host: string;
  readonly port: number;
  /** As the user wrote it, for errors. */
  readonly system: string;
};

/** What was found out about a server's certificate: `problem` is null when it is trusted. */
export type Shown = { readonly certificate: ShownCertificate; readonly problem: WherryError | null };

/**
 * Connects and shakes hands, whoever it is, and only then judges the certificate. The caller sends nothing while there is
 * a problem. @throws the socket's own error (ECONNREFUSED, ECONNRESET, EPROTO, …).
 */
export async function handshake(
  server: TlsServer,
  trust: Trust,
  signal: AbortSignal,
): Promise<Shown & { readonly socket: TLSSocket }> {
  signal.throwIfAborted();
  const socket = connect(tlsOptions(server, trust));
  const abort = (): void => {
    socket.destroy(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
      socket.once('close', () => reject(Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' })));
    });
    return { socket, ...judgeServer(server, trust, socket) };
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
    // Whoever takes the socket over listens itself; until then an error must not end the process.
    socket.on('error', () => undefined);
  }
}

/** After the handshake, and before anything is sent. @throws an Error with code EPROTO when there is no certificate */
export function judgeServer(server: Omit<TlsServer, 'port'>, trust: Trust, socket: TLSSocket): Shown {
  const peer = socket.getPeerX509Certificate();
  if (peer === undefined) throw Object.assign(new Error('the server showed no certificate'), { code: 'EPROTO' });
  const certificate = shownOf(peer);
  return { certificate, problem: judge(server, trust, socket, certificate) };
}

/** `certificate` of a CheckResult (providers/provider.ts). */
export type CheckedCertificate = Omit<ShownCertificate, 'sha256' | 'sha1'> & {
  readonly shown: string;
  readonly trusted: string | null;
};

export function checkedCertificate(
  { sha256: shown, subject, issuer, validFrom, validTo, names }: ShownCertificate,
  trust: Trust,
): CheckedCertificate {
  const trusted = trust.kind === 'pinned' ? trust.sha256 : null;
  return { shown, trusted, subject, issuer, validFrom, validTo, names };
}

function tlsOptions({ host, port }: TlsServer, trust: Trust): ConnectionOptions {
  return { host, port, ALPNProtocols: ['http/1.1'], ...trustOptions(host, trust) };
}

/** For a connection that `judgeServer` judges. */
export function trustOptions(host: string, trust: Trust): ConnectionOptions {
  return {
    // Judged by ourselves, right after the handshake and before a single byte is sent.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(trust.kind === 'ca' ? { ca: trust.pem } : trust.kind === 'system' ? { ca: systemAuthorities() } : {}),
  };
}

function judge(
  { host, system }: Omit<TlsServer, 'port'>,
  trust: Trust,
  socket: TLSSocket,
  { sha256 }: ShownCertificate,
): WherryError | null {
  if (trust.kind === 'pinned') {
    if (sha256 === trust.sha256) return null;
    return new WherryError('provider.certificate_changed', { system, trusted: trust.sha256, shown: sha256 });
  }
  const untrusted = (why: string): WherryError =>
    new WherryError('provider.certificate_untrusted', { system, why, shown: sha256 });
  if (!socket.authorized) {
    // The types say Error; it is the code, as a string.
    const code = String((socket.authorizationError as unknown as { code?: string })?.code ?? socket.authorizationError);
    return untrusted(reasons[code] ?? code);
  }
  const otherName = checkServerIdentity(host, socket.getPeerCertificate());
  return otherName === undefined ? null : untrusted(`it is not for ${host}`);
}

const reasons: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'an authority that is not known here signed it',
  UNABLE_TO_GET_ISSUER_CERT: 'an authority that is not known here signed it',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'an authority that is not known here signed it',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'an authority that is not known here signed it',
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet; look at the clocks',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is made out to another name',
  CERT_REVOKED: 'it was revoked',
};

function shownOf(peer: X509Certificate): ShownCertificate {
  return {
    sha256: plainHex(peer.fingerprint256),
    sha1: plainHex(peer.fingerprint),
    subject: oneLine(peer.subject),
    issuer: oneLine(peer.issuer),
    validFrom: isoOf(peer.validFrom),
    validTo: isoOf(peer.validTo),
    names: namesOf(peer.subjectAltName),
  };
}

function plainHex(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase();
}

function oneLine(name: string | undefined): string {
  return (name ?? '').replaceAll('\n', ', ').slice(0, 1_000);
}

function isoOf(date: string): string {
  const time = new Date(date);
  return Number.isNaN(time.getTime()) ? '' : time.toISOString();
}

function namesOf(alternative: string | undefined): string[] {
  if (alternative === undefined) return [];
  return alternative
    .split(', ')
    .map((name) => name.replace(/^(DNS|IP Address):/, ''))
    .slice(0, 100);
}

/** The machine's own store; where it has none, the one that comes with Node. */
function systemAuthorities(): string[] {
  const own = getCACertificates('system');
  return own.length > 0 ? own : getCACertificates('default');
}
