/**
 * What follows for a VM migration from where its steps stand. Pure and level-triggered: it is asked after every change
 * (an attempt ended, a lease ran out, somebody canceled), looks at the facts alone, and asking twice changes nothing.
 *
 *     going on:  steps whose predecessors ended well become ready; all ended well → completed
 *     stopping:  what does not run will not; what runs is told to cancel; when all is still → undo; undone → failed, canceled
 */
import type { StoredError } from '../model/errors.ts';
import { type Cancelation, endStates, move, type StepState, type VmMigrationState } from './states.ts';

export type StepFacts = {
  readonly id: string;
  readonly name: string;
  readonly after: readonly string[];
  readonly state: StepState;
  /** Attempts begun. */
  readonly attempts: number;
  readonly error: StoredError | null;
};

export type VmFacts = {
  readonly state: VmMigrationState;
  readonly cancelation: Cancelation;
  /** The first error, null while there is none. */
  readonly error: StoredError | null;
  /** In the itinerary's order; undo steps, if any, last and oldest first. */
  readonly steps: readonly StepFacts[];
  readonly pointOfNoReturn: string;
  /** Ledger rows that are neither removed nor handed over. */
  readonly openLedgerRows: number;
  /** Some attempt did more than decline: there may be something to undo. */
  readonly begun: boolean;
};

export type Next = {
  readonly steps: ReadonlyArray<{ readonly id: string; readonly to: 'ready' | 'undone' }>;
  /** A step that undoes everything is to be made, ready. */
  readonly undo: boolean;
  readonly state: VmMigrationState;
  readonly cancelation: Cancelation;
  /** What undoing ran into for good. */
  readonly undoError: StoredError | null;
};

const ended: ReadonlySet<VmMigrationState> = new Set(endStates.vmMigration);
export const isEnded = (state: VmMigrationState): boolean => ended.has(state);
const isDone = (state: StepState): boolean => state === 'succeeded' || state === 'skipped';
const isOpen = (state: StepState): boolean => state === 'waiting' || state === 'ready';
export const isUndo = (step: { readonly name: string }): boolean => step.name === 'undo';

/** No more work forward: it failed, or somebody wants it to stop. */
export function isStopping(vm: Pick<VmFacts, 'error' | 'cancelation'>): boolean {
  return vm.error !== null || vm.cancelation !== 'none';
}

/** Whether the step from which on nothing is taken back has begun. */
export function isPastReturn(vm: Pick<VmFacts, 'steps' | 'pointOfNoReturn'>): boolean {
  const step = vm.steps.find(({ name }) => name === vm.pointOfNoReturn);
  return step !== undefined && (step.attempts > 0 || !(isOpen(step.state) || step.state === 'undone'));
}

export function advance(vm: VmFacts): Next {
  const stay: Next = { steps: [], undo: false, state: vm.state, cancelation: vm.cancelation, undoError: null };
  if (isEnded(vm.state)) {
    const last = vm.steps.findLast(isUndo); // asked for again after the end
    return { ...stay, undoError: last?.state === 'failed' ? last.error : null };
  }
  return isStopping(vm) ? stop(vm, stay) : goOn(vm, stay);
}

function goOn(vm: VmFacts, stay: Next): Next {
  const done = new Set(vm.steps.filter(({ state }) => isDone(state)).map(({ name }) => name));
  if (vm.steps.every(({ state }) => isDone(state)))
    return { ...stay, state: move('vmMigration', vm.state, 'completed') };
  const ready = vm.steps.filter(({ state, after }) => state === 'waiting' && after.every((name) => done.has(name)));
  return { ...stay, steps: ready.map(({ id }) => ({ id, to: 'ready' as const })) };
}

function stop(vm: VmFacts, stay: Next): Next {
  const forward = vm.steps.filter((step) => !isUndo(step));
  const steps = forward.filter(({ state }) => isOpen(state)).map(({ id }) => ({ id, to: 'undone' as const }));
  const canceling = vm.cancelation === 'requested' ? move('cancelation', 'requested', 'canceling') : vm.cancelation;
  const still: Next = { ...stay, steps, cancelation: canceling };
  if (forward.some(({ state }) => state === 'running')) return still;

  const undo = vm.steps.findLast(isUndo);
  if (undo === undefined) {
    // Past the point of no return the migrated VM is somebody's: an error there takes nothing away.
    const needed = (vm.begun || vm.openLedgerRows > 0) && !isPastReturn(vm);
    return needed ? { ...still, undo: true } : end(vm, still, null);
  }
  if (isDone(undo.state)) return end(vm, still, null);
  if (undo.state === 'failed') return end(vm, still, undo.error);
  return still;
}

/** What was canceled but could not be undone has failed: something of ours is still there. */
function end(vm: VmFacts, next: Next, undoError: StoredError | null): Next {
  if (vm.error !== null || undoError !== null) {
    return { ...next, undoError, state: move('vmMigration', vm.state, 'failed') };
  }
  return {
    ...next,
    state: move('vmMigration', vm.state, 'canceled'),
    cancelation: move('cancelation', next.cancelation, 'canceled'),
  };
}
