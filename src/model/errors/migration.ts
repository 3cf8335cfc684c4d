import type { ErrorEntry } from '../errors.ts';

/** What the engine itself refuses or gives up on. */
export const migrationErrors = {
  'migration.no_eligible_worker': {
    status: 409,
    message: 'No worker can migrate VM {vm}: {reasons}',
    next: 'Mend what a worker says it lacks, or start a worker where the source and the target are reachable.',
  },
  'migration.step_lost': {
    status: 500,
    message: 'Step {step} of VM {vm} was lost {attempts} times; the last time: {reason}',
    next: 'Look at the VM migration’s log and the worker’s log, then start the migration again.',
  },
  'migration.canceled': {
    status: 409,
    message: 'VM {vm}: the migration was canceled by {user}',
    next: 'Nothing is left of it; start it again when you like.',
  },
  'migration.past_return': {
    status: 409,
    message: 'VM {vm} can no longer be canceled: step {step} has passed the point of no return',
    next: 'Let it finish. Remove the migrated VM afterwards if it is not wanted.',
  },
  'migration.stale_attempt': {
    status: 410,
    message: 'Attempt {token} has been given to somebody else',
    next: 'Nothing to do: the worker stops this attempt and another one goes on.',
  },
} as const satisfies Record<string, ErrorEntry>;
