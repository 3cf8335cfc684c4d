/**
 * What undoing leaves for a retry. What was copied stays when that was asked for, unless the migrated VM has run: then its
 * disks are no copy of the source any more, and nothing could tell what of them is still right. Pure.
 */
import type { StepState } from './states.ts';

export type KeepFacts = {
  /** What the plan wants when it fails. */
  readonly onFailure: 'remove' | 'keep';
  readonly failed: boolean;
  /** What was wanted by who canceled it. */
  readonly cancelKeeps: boolean;
  readonly steps: ReadonlyArray<{ readonly name: string; readonly state: StepState; readonly attempts: number }>;
};

export function keepsCopy({ onFailure, failed, cancelKeeps, steps }: KeepFacts): boolean {
  return (failed ? onFailure === 'keep' : cancelKeeps) && !mayHaveRun(steps);
}

/** Whether the VM at the target may have been powered on: from the moment that a worker was given that step. */
export function mayHaveRun(steps: KeepFacts['steps']): boolean {
  const powerOn = steps.find(({ name }) => name === 'power-on');
  return powerOn !== undefined && powerOn.attempts > 0 && powerOn.state !== 'skipped';
}

/**
 * Kept with a step that ends a VM migration: what is not found was removed for good, its owner has said. Without that word the
 * step fails where it cannot prove it.
 */
export type GoneCheckpoint = { readonly gone: { readonly saidBy: string } };

/** Who has said so; null: nobody. */
export function saidGone(checkpoint: unknown): string | null {
  if (typeof checkpoint !== 'object' || checkpoint === null || !('gone' in checkpoint)) return null;
  const { gone } = checkpoint;
  if (typeof gone !== 'object' || gone === null || !('saidBy' in gone)) return null;
  return typeof gone.saidBy === 'string' ? gone.saidBy : null;
}

/** Kept with an undo step that is to leave what was copied. */
export type UndoCheckpoint = { readonly keep: true };
export const keepingUndo: UndoCheckpoint = { keep: true };

export function isKeeping(checkpoint: unknown): boolean {
  return typeof checkpoint === 'object' && checkpoint !== null && 'keep' in checkpoint && checkpoint.keep === true;
}
