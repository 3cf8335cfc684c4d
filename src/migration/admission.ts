/**
 * Who gets which step. Pure: asked under the lock, with the rows as they are then (claim-store.ts). A worker gets a step
 * when it asks, so no dead worker ever holds a queue.
 *
 * A VM migration holds a slot from its first step to its end, between steps too, so that a fifth VM does not slip in
 * while the fourth changes steps. All its steps stay on one worker while that worker lives.
 */
import type { Policy } from './policy.ts';

export type Candidate = {
  readonly stepId: string;
  readonly vmMigrationId: string;
  /** It holds a slot already. */
  readonly active: boolean;
  /** The worker that has done its steps so far. */
  readonly workerId: string | null;
  /** Workers that run other steps of it now. */
  readonly runningOn: readonly string[];
  readonly declinedBy: readonly string[];
  /** How long it could have run already. */
  readonly readyForMs: number;
};
export type WorkerFacts = {
  readonly id: string;
  /** It said something during the last lease. */
  readonly alive: boolean;
  /** It is waiting for a step now. */
  readonly asking: boolean;
  /** VM migrations that hold a slot on it. */
  readonly active: number;
};
export type AdmissionFacts = {
  /** In the order in which they should run. */
  readonly candidates: readonly Candidate[];
  readonly workers: readonly WorkerFacts[];
  /** VM migrations that hold a slot anywhere. */
  readonly active: number;
  readonly limits: Pick<Policy, 'maxPerWorker' | 'maxPerServer' | 'patienceMs'>;
};
export type Admission =
  | { readonly kind: 'step'; readonly stepId: string }
  /** `againInMs`: a step may come then, even if nothing else happens. */
  | { readonly kind: 'none'; readonly againInMs: number | null };

export type Obstacle = 'declined' | 'elsewhere' | 'worker-full' | 'server-full';

/** Why this worker may not have this step, null if it may. */
export function obstacle(candidate: Candidate, worker: WorkerFacts, facts: AdmissionFacts): Obstacle | null {
  if (candidate.declinedBy.includes(worker.id)) return 'declined';
  if (candidate.runningOn.some((id) => id !== worker.id)) return 'elsewhere';
  const own = candidate.workerId === worker.id;
  if (!own && candidate.workerId !== null && !candidate.declinedBy.includes(candidate.workerId)) {
    const bound = facts.workers.find(({ id }) => id === candidate.workerId);
    if (bound?.alive === true) return 'elsewhere';
  }
  if (!(own && candidate.active) && worker.active >= facts.limits.maxPerWorker) return 'worker-full';
  if (!candidate.active && facts.active >= facts.limits.maxPerServer) return 'server-full';
  return null;
}

/** The first step that the asking worker may have, unless a less loaded worker that asks too should have it. */
export function admit(askingId: string, facts: AdmissionFacts): Admission {
  const asking = facts.workers.find(({ id }) => id === askingId);
  // A poll that is still open does not mean that somebody waits for its answer: a stopped process keeps its connections.
  if (asking?.alive !== true) return { kind: 'none', againInMs: null };
  let againInMs: number | null = null;
  for (const candidate of facts.candidates) {
    if (obstacle(candidate, asking, facts) !== null) continue;
    const patience = facts.limits.patienceMs - candidate.readyForMs;
    const own = candidate.active && candidate.workerId === asking.id;
    const better = facts.workers.some(
      (other) =>
        other.alive && other.asking && other.active < asking.active && obstacle(candidate, other, facts) === null,
    );
    if (own || patience <= 0 || !better) return { kind: 'step', stepId: candidate.stepId };
    againInMs = Math.min(againInMs ?? patience, patience);
  }
  return { kind: 'none', againInMs };
}

export type Wait = 'wait.no_worker' | 'wait.worker_limit' | 'wait.server_limit' | 'wait.worker';

/** What a VM migration with a ready step waits for; null when it is just being handed over. */
export function waitOf(candidate: Candidate, facts: AdmissionFacts): Wait | null {
  const living = facts.workers.filter(({ alive }) => alive);
  if (living.length === 0) return 'wait.no_worker';
  const obstacles = living.map((worker) => obstacle(candidate, worker, facts));
  if (obstacles.some((found, index) => found === null && living[index]?.asking === true)) return null;
  if (obstacles.includes(null)) return 'wait.worker';
  if (obstacles.includes('server-full')) return 'wait.server_limit';
  if (obstacles.includes('worker-full')) return 'wait.worker_limit';
  return 'wait.worker';
}
