/** Certificates for tests, by openssl: signed by themselves, for 127.0.0.1 and localhost. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChild } from '../../../src/process/child.ts';

/** PEM. */
export type TestCertificate = { readonly certificate: string; readonly key: string };

/** `days`: how long it is valid; `names` as openssl wants its subjectAltName. */
export async function makeCertificate(
  options: { readonly days?: number; readonly names?: string } = {},
): Promise<TestCertificate> {
  const dir = await mkdtemp(join(tmpdir(), 'wherry-certificate-'));
  try {
    const [key, certificate] = [join(dir, 'key.pem'), join(dir, 'certificate.pem')];
    const kind = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=wherry-test'.split(' ');
    const names = `subjectAltName=${options.names ?? 'IP:127.0.0.1,DNS:localhost'}`;
    const days = String(options.days ?? 2);
    await runChild('openssl', [...kind, '-keyout', key, '-out', certificate, '-days', days, '-addext', names]);
    return { certificate: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
