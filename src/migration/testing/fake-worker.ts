/** For tests: a worker that speaks the protocol through `app.inject`, and does with steps what a test says. */
import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '../../model/ids.ts';
import type { App } from '../../http/routes.ts';
import type { AttemptReport, Commands, Lease, LedgerRow, Outcome } from '../protocol.ts';
import { protocolVersion } from '../protocol-version.ts';

export type Reply = { readonly status: number; readonly body: Record<string, unknown> };
export type FakeWorker = ReturnType<typeof fakeWorker>;

const report = (token: string, more: Partial<AttemptReport> = {}): AttemptReport => ({
  token,
  progress: null,
  journal: [],
  log: [],
  ...more,
});

export function fakeWorker(app: App, name: string, identity: { workerId?: string } = {}) {
  const me = { workerId: identity.workerId ?? newId(), bootId: newId() };
  const post = async (path: string, body: object): Promise<Reply> => {
    const answer = await app.inject({ method: 'POST', url: `/api/v1/worker/${path}`, payload: body });
    return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() };
  };
  const ok = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const reply = await post(path, body);
    if (reply.status !== 200) throw new Error(`${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  };
  return {
    ...me,
    name,
    post,
    report,
    hello: (bootId = me.bootId) =>
      ok('hello', { ...me, bootId, name, host: name, user: 'test', version: '1', protocol: protocolVersion }),
    lease: async (waitMs = 0, requestId = newId()): Promise<Lease | null> => {
      const { lease } = await ok('lease', { ...me, requestId, load: 0, waitMs });
      return lease as Lease | null;
    },
    beat: async (...reports: AttemptReport[]): Promise<string[]> => {
      const { attempts } = await ok('heartbeat', { ...me, attempts: reports });
      return (attempts as { state: string }[]).map(({ state }) => state);
    },
    commands: async (known = '', waitMs = 0) => (await ok('commands', { ...me, known, waitMs })) as Commands,
    ledger: (token: string, row: LedgerRow) => post('ledger', { token, row }),
    checkpoint: (token: string, checkpoint: unknown) => post('checkpoint', { token, checkpoint }),
    finish: (token: string, outcome: Outcome, more: Partial<AttemptReport> = {}) =>
      post('finish', { report: report(token, more), outcome }),
  };
}

export const aVm = {
  id: 'vm-1',
  name: 'web',
  description: '',
  origin: 'vmware' as const,
  cpus: 1,
  coresPerSocket: 1,
  memoryBytes: 512 * 1024 * 1024,
  firmware: { type: 'bios' as const, secureBoot: false },
  os: { id: '', name: '' },
  disks: [
    {
      id: 'disk-1',
      name: 'web-disk1',
      sizeBytes: 128 * 1024 * 1024,
      format: 'vmdk' as const,
      storedBytes: null,
      access: 'random' as const,
      bus: 'scsi' as const,
      controller: 0,
      unit: 0,
      bootOrder: 1,
    },
  ],
  nics: [],
};
export const preflightResult = { vm: aVm, targetName: 'web', concerns: [] };
export const resultOf = (step: string): unknown => (step === 'preflight' ? preflightResult : { done: step });
export const anError = (text: string) => ({ code: 'internal' as const, params: {}, causes: [text] });

/** Runs whatever it is given, each step as `act` says (succeeded, when it says nothing), until nothing comes for `idle` polls. */
export async function work(
  worker: FakeWorker,
  act: (lease: Lease) => Promise<Outcome | undefined> | Outcome | undefined = () => undefined,
  idle = 3,
): Promise<string[]> {
  const done: string[] = [];
  for (let empty = 0; empty < idle; ) {
    const lease = await worker.lease();
    if (lease === null) {
      empty += 1;
      await sleep(15);
      continue;
    }
    empty = 0;
    const outcome = (await act(lease)) ?? { kind: 'succeeded' as const, result: resultOf(lease.step.name) };
    await worker.finish(lease.token, outcome);
    done.push(lease.step.name);
  }
  return done;
}

export const openRow = (kind: LedgerRow['kind'] = 'target-disk'): LedgerRow => ({
  id: newId(),
  kind,
  state: 'intended',
  ref: { path: '/somewhere' },
});

export const aSpec = (path = '/tmp/web.ova') => ({
  source: { type: 'ova' as const, path },
  vm: null,
  target: { type: 'files' as const, directory: '/tmp/out', format: 'qcow2' as const, networks: {} },
  targetName: null,
  options: { conversion: 'auto' as const, verify: 'full' as const, power: 'as-source' as const },
});
