/** A migration's state and counts are those of its VM migrations. Pure. */
import { isEnded } from './advance.ts';
import type { Counts } from './api.ts';
import { type MigrationState, move, type VmMigrationState } from './states.ts';

/**
 * Failed when one failed, succeeded when the others completed, canceled when nothing completed. Once it runs it does not
 * go back to queued.
 */
export function migrationStateOf(now: MigrationState, vms: readonly VmMigrationState[]): MigrationState {
  if (vms.length === 0) return now;
  if (!vms.every(isEnded)) {
    const begun = vms.some((state) => state === 'running' || state === 'completed' || state === 'failed');
    return now === 'queued' && begun ? move('migration', now, 'running') : now;
  }
  if (vms.includes('failed')) return move('migration', now, 'failed');
  return move('migration', now, vms.includes('completed') ? 'succeeded' : 'canceled');
}

export function countsOf(vms: readonly VmMigrationState[]): Counts {
  const counts = { total: vms.length, queued: 0, running: 0, completed: 0, failed: 0, canceled: 0 };
  for (const state of vms) counts[state === 'planned' || state === 'approved' ? 'queued' : state] += 1;
  return counts;
}
