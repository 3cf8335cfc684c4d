/** Certificates of our own making, by openssl: for the loopback address, or wrong in a way that a test wants. */
import { execFile } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type Certificate = {
  readonly key: string;
  readonly certificate: string;
  /** SHA-256 of the DER form, lower-case hex without colons: as an account pins it. */
  readonly sha256: string;
  /** SHA-1 with colons in capitals: as vSphere calls a thumbprint. */
  readonly sha1: string;
};

export type CertificateOptions = {
  readonly commonName?: string;
  /** Subject alternative names, as openssl writes them. */
  readonly names?: string;
  /** Ended a year ago. */
  readonly expired?: boolean;
};

const fixed = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256'.split(' ');

export async function makeCertificate(options: CertificateOptions = {}): Promise<Certificate> {
  const directory = await mkdtemp(join(tmpdir(), 'wherry-certificate-'));
  try {
    const [keyFile, file] = [join(directory, 'key'), join(directory, 'certificate')];
    const validity =
      options.expired === true ? ['-not_before', '20240101000000Z', '-not_after', '20250101000000Z'] : ['-days', '30'];
    const names = options.names ?? 'IP:127.0.0.1,DNS:localhost';
    const subject = `/CN=${options.commonName ?? 'vcenter.example.com'}`;
    const files = ['-keyout', keyFile, '-out', file];
    const make = (dates: readonly string[]): Promise<unknown> =>
      run('openssl', [...fixed, ...files, '-subj', subject, '-addext', `subjectAltName=${names}`, ...dates]);
    // OpenSSL before 3.4 knows no dates here, but a validity below zero.
    await make(validity).catch(() => make(['-days', '-1']));
    const [key, certificate] = await Promise.all([readFile(keyFile, 'utf8'), readFile(file, 'utf8')]);
    const { raw } = new X509Certificate(certificate);
    const digest = (algorithm: string): string => createHash(algorithm).update(raw).digest('hex');
    const sha1 = digest('sha1').toUpperCase().match(/../g)?.join(':') ?? '';
    return { key, certificate, sha256: digest('sha256'), sha1 };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
