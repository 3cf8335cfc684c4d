/** Whether the certificate that a TLS server showed is trusted, by what the user said. Pure. */
import type { PeerCertificate } from 'node:tls';
import { createHash } from 'node:crypto';
import { WherryError } from '../../../model/errors.ts';
import type { Trust } from '../../../model/provider.ts';
import type { CheckResult } from '../../provider.ts';

export type ShownCertificate = NonNullable<CheckResult['certificate']>;

/** Refused, with the certificate that has to be looked at. */
export class CertificateRefused extends WherryError {
  readonly certificate: ShownCertificate;
  constructor(
    code: 'provider.certificate_untrusted' | 'provider.certificate_changed',
    params: Readonly<Record<string, string>>,
    certificate: ShownCertificate,
    cause?: unknown,
  ) {
    super(code, params, cause);
    this.certificate = certificate;
  }
}

export function describeCertificate(certificate: PeerCertificate, trusted: string | null): ShownCertificate {
  return {
    shown: fingerprintOfDer(certificate.raw),
    trusted,
    subject: nameOf(certificate.subject),
    issuer: nameOf(certificate.issuer),
    validFrom: dateOf(certificate.valid_from),
    validTo: dateOf(certificate.valid_to),
    names: (certificate.subjectaltname ?? '').split(', ').filter((name) => name !== ''),
  };
}

/**
 * @param problem what TLS found wrong with the chain or the name; null: nothing.
 * @throws CertificateRefused.
 */
export function judgeCertificate(
  system: string,
  trust: Trust,
  certificate: PeerCertificate,
  problem: string | null,
): void {
  const trusted = trust.kind === 'pinned' ? trust.sha256 : null;
  const shown = describeCertificate(certificate, trusted);
  if (trusted !== null) {
    if (shown.shown === trusted) return;
    throw new CertificateRefused('provider.certificate_changed', { system, trusted, shown: shown.shown }, shown);
  }
  if (problem === null) return;
  const why = reasons[problem] ?? problem;
  throw new CertificateRefused(
    'provider.certificate_untrusted',
    { system, why, shown: shown.shown },
    shown,
    new Error(problem),
  );
}

/** OpenSSL's codes, in words. */
const reasons: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: 'it is signed by an authority that is not known here',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is signed by itself',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'it is signed by an authority that is not known here',
  UNABLE_TO_GET_ISSUER_CERT: 'it is signed by an authority that is not known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'it is signed by an authority that is not known here',
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet; look at the clocks',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is made out to another name',
};

function fingerprintOfDer(der: Buffer): string {
  return createHash('sha256').update(der).digest('hex');
}

function nameOf(name: PeerCertificate['subject'] | undefined): string {
  return Object.entries(name ?? {})
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(', ');
}

function dateOf(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : date.toISOString();
}
