/**
 * An itinerary is data: the steps of a kind of migration and what each waits for. The resolved list is frozen with each
 * VM migration together with its version, so that a newer Wherry finishes what an older one began.
 */
import type { VmMigrationSpec } from '../model/spec.ts';
import { cold } from './itineraries/cold.ts';
import { convertFirst } from './itineraries/convert-first.ts';
import { coldInOrder } from './itineraries/cold-in-order.ts';

export type StepPlan = {
  readonly name: StepName;
  /** Names of the steps that must have ended well (or were skipped) before this one is ready. */
  readonly after: readonly StepName[];
};

export const stepNames = [
  'preflight',
  'create-disks',
  'copy',
  'convert',
  'check-manifest',
  'verify',
  'apply',
  'create-vm',
  'power-on',
  'check-boot',
  'finalize',
  'clean-up',
  'undo',
] as const;
export type StepName = (typeof stepNames)[number];

/** Steps that open the source: they alone get the secrets with which it is opened. (create-vm checks a manifest anew that was another one's.) */
const openingSource: ReadonlySet<string> = new Set<StepName>([
  'preflight',
  'copy',
  'convert',
  'check-manifest',
  'verify',
  'apply',
  'create-vm',
]);

export function opensSource(step: string): boolean {
  return openingSource.has(step);
}

export type Itinerary = {
  readonly name: string;
  /** Goes up with every change to the list; step code accepts the version before. */
  readonly version: number;
  readonly steps: readonly StepPlan[];
  /** From this step on the VM migration can no longer be canceled. */
  readonly pointOfNoReturn: StepName;
};

/** What preflight has found that decides about the way. */
export type ItineraryFacts = {
  /** A disk can only be read once, in order. */
  readonly inOrder: boolean;
  /** The target takes each disk as one stream. */
  readonly stream: boolean;
};

/** Resolved once when the migration is made (`facts` null), and once more when preflight has told; then frozen. */
export function resolveItinerary(_spec: VmMigrationSpec, facts: ItineraryFacts | null): Itinerary {
  if (facts?.stream === true) return convertFirst;
  return facts?.inOrder === true ? coldInOrder : cold;
}
