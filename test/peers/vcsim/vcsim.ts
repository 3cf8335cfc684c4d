/** A vcsim for a test: on loopback, with a port, an account and a certificate of its own; gone when the test's process is. */
import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { VsphereAccount } from '../../../src/model/provider.ts';
import { buildVcsim, type VcsimVersion } from './build.ts';
import { makeCertificate, type TestCertificate } from './certificate.ts';

export type VcsimModel = {
  /** An ESXi host instead of a vCenter. */
  readonly host?: boolean;
  readonly datacenters?: number;
  /** Each of the following per datacenter. */
  readonly clusters?: number;
  readonly standaloneHosts?: number;
  readonly portGroups?: number;
  readonly datastores?: number;
  /** Per cluster. */
  readonly hosts?: number;
  /** Per cluster and per standalone host. */
  readonly vms?: number;
  /** 0: never. */
  readonly sessionIdleSeconds?: number;
};

export type Vcsim = AsyncDisposable & {
  readonly url: string;
  readonly account: VsphereAccount;
  readonly password: string;
  readonly certificate: TestCertificate;
  readonly pid: number;
};

export const vcsimUser = 'wherry@vsphere.local';

/** Two clusters of four hosts in each of two datacenters, and 100 VMs a cluster, unless the model says otherwise. */
export async function startVcsim(version: VcsimVersion, model: VcsimModel = {}): Promise<Vcsim> {
  const program = await buildVcsim(version);
  const certificate = await makeCertificate();
  // Each VM has files in a datastore's directory, which is made here.
  const scratch = await mkdtemp(join(tmpdir(), 'wherry-vcsim-'));
  const password = `vcsim-${crypto.randomUUID()}`;
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], TMPDIR: scratch },
  });
  let said = '';
  child.stderr.on('data', (data: Buffer) => {
    said = `${said}${data.toString()}`.slice(-2_000);
  });
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  const stop = async (): Promise<void> => {
    child.stdin.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await gone;
    clearTimeout(timer);
    await rm(scratch, { recursive: true, force: true, maxRetries: 5 });
  };
  child.stdin.on('error', () => undefined);
  child.stdin.write(
    `${JSON.stringify({
      Host: model.host ?? false,
      Datacenters: model.datacenters ?? 2,
      Clusters: model.clusters ?? 2,
      StandaloneHosts: model.standaloneHosts ?? 0,
      PortGroups: model.portGroups ?? 1,
      Datastores: model.datastores ?? 1,
      Hosts: model.hosts ?? 4,
      Vms: model.vms ?? 100,
      Username: vcsimUser,
      Password: password,
      Certificate: certificate.certificate,
      Key: certificate.key,
      SessionIdleSeconds: model.sessionIdleSeconds ?? 0,
      Listen: '127.0.0.1:0',
    })}\n`,
  );
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('error', reject);
    void gone.then(() => reject(new Error(`vcsim ${version} did not start: ${said}`)));
  }).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const sha256 = fingerprintOf(certificate.certificate);
  return {
    url,
    account: { type: 'vsphere', url, username: vcsimUser, trust: { kind: 'pinned', sha256 } },
    password,
    certificate,
    pid: child.pid ?? -1,
    [Symbol.asyncDispose]: stop,
  };
}

export function fingerprintOf(pem: string): string {
  return new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
}
