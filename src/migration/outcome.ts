/**
 * What the end of an attempt means for its step. Pure; `advance.ts` then says what follows for the VM migration.
 *
 * | outcome   | in normal running                  | while stopping (failed or canceled) | undo, or past the point of no return |
 * |-----------|------------------------------------|-------------------------------------|--------------------------------------|
 * | succeeded | succeeded (or skipped)             | the same                            | the same                             |
 * | failed    | failed, the VM migration's error   | failed, kept with the step only     | again with back-off, then failed     |
 * | declined  | ready for other workers            | canceled                            | ready for other workers              |
 * | lost      | ready from its checkpoint, bounded | canceled                            | ready from its checkpoint, bounded   |
 * | canceled  | like lost (nobody asked for it)    | canceled                            | like lost                            |
 * | released  | ready from its checkpoint          | canceled                            | ready from its checkpoint            |
 */
import { type StoredError, toStored, WherryError } from '../model/errors.ts';
import { afterLoss } from './expiry.ts';
import type { Policy } from './policy.ts';
import type { Outcome } from './protocol.ts';
import type { StepState } from './states.ts';

export type StepFate = {
  readonly to: Extract<StepState, 'succeeded' | 'skipped' | 'ready' | 'failed' | 'canceled'>;
  readonly error: StoredError | null;
  readonly fruitless: number;
  /** From now until it may run again; only meaningful for `ready`. */
  readonly waitMs: number;
};

export type StepSituation = {
  readonly name: string;
  readonly vmName: string;
  readonly fruitless: number;
  /** Attempts begun, this one included. */
  readonly attempts: number;
  /** The VM migration has failed or is being canceled, and this is not the step that undoes it. */
  readonly stopping: boolean;
  /** Going forward is the only way: undo itself, and everything from the point of no return on. */
  readonly forwardOnly: boolean;
};

export function fateOf(outcome: Outcome, step: StepSituation, policy: Policy): StepFate {
  const ended = (to: StepFate['to'], error: StoredError | null = null): StepFate => ({
    to,
    error,
    fruitless: 0,
    waitMs: 0,
  });
  const again = (error: StoredError | null, givenUp: StoredError): StepFate => {
    const loss = afterLoss(step.fruitless, policy);
    if (loss.kind === 'give-up') return ended('failed', givenUp);
    return { to: 'ready', error, fruitless: loss.fruitless, waitMs: loss.waitMs };
  };
  const lost = (error: StoredError | null): StepFate => {
    if (step.stopping) return ended('canceled', error);
    return again(error, givenUpAfter(step, error));
  };
  switch (outcome.kind) {
    case 'succeeded':
      return ended(isSkipped(outcome.result) ? 'skipped' : 'succeeded');
    case 'failed':
      return step.forwardOnly ? again(outcome.error, outcome.error) : ended('failed', outcome.error);
    case 'declined':
      if (step.stopping) return ended('canceled', outcome.error);
      return { to: 'ready', error: outcome.error, fruitless: step.fruitless, waitMs: 0 };
    case 'lost':
      return lost(outcome.error);
    case 'canceled':
      return lost(null);
    case 'released':
      // Not the step's fault, and nothing to be careful about: whoever comes next goes on at once.
      if (step.stopping) return ended('canceled');
      return { to: 'ready', error: null, fruitless: step.fruitless, waitMs: 0 };
    default:
      return outcome satisfies never;
  }
}

function isSkipped(result: unknown): boolean {
  return typeof result === 'object' && result !== null && 'skipped' in result && result.skipped === true;
}

function givenUpAfter(step: StepSituation, last: StoredError | null): StoredError {
  const reason = last === null ? 'the worker stopped' : new WherryError(last.code, last.params).message;
  const params = { step: step.name, vm: step.vmName, attempts: step.attempts, reason };
  return { ...toStored(new WherryError('migration.step_lost', params)), causes: last?.causes ?? [] };
}
