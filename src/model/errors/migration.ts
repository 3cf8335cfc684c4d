import type { ErrorEntry } from '../errors.ts';

/** What the engine itself refuses or gives up on, and what it waits for. */
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
    next: 'Run it again when you like.',
  },
  'migration.past_return': {
    status: 409,
    message: 'VM {vm} can no longer be canceled: step {step} has passed the point of no return',
    next: 'Let it finish. Remove the migrated VM afterwards if it is not wanted.',
  },
  'migration.ended': {
    status: 409,
    message: 'VM {vm} can no longer be canceled: its migration has ended ({state})',
    next: 'Nothing to do. What a failed migration left behind can be removed from its page, or its hand-over finished there.',
  },
  'migration.stale_attempt': {
    status: 410,
    message: 'Attempt {token} has been given to somebody else',
    next: 'Nothing to do: the worker stops this attempt and another one goes on.',
  },
  'migration.nothing_to_undo': {
    status: 409,
    message: 'VM {vm}: there is nothing to undo',
    next: 'Only a failed or canceled migration that left something behind can be undone again; an undo that runs goes on by itself.',
  },
  'migration.handed_over': {
    status: 409,
    message: 'VM {vm} cannot be undone: the migrated VM has been handed over, or may have been, and may be in use',
    next: 'It stays. Finish the hand-over, from its page or with “wherry finish”. If the VM is not wanted, remove it at the target yourself.',
  },
  'migration.nothing_to_finish': {
    status: 409,
    message: 'VM {vm}: there is no hand-over to finish, its migration is {state}',
    next: 'Only what failed after the hand-over had begun can be finished. What failed before can be migrated again.',
  },
  'migration.not_retryable': {
    status: 409,
    message: 'VM {vm} cannot be migrated again: its migration is {state}',
    next: 'A migration that failed or was canceled can be run again. Cancel one that runs first.',
  },
  'migration.nowhere_to_convert': {
    status: 409,
    message:
      'VM {vm} cannot be converted: its disks can only be read in order, and the target takes each of them as one stream',
    next: 'Unpack the source’s disks first, or choose a target (or a format) that is not compressed, or no conversion.',
  },
  'migration.retried': {
    status: 409,
    message: 'VM {vm} has been migrated again already, by VM migration {by}',
    next: 'Look at that one; if it has failed too, run that one again.',
  },
  'migration.retry_handed_over': {
    status: 409,
    message:
      'VM {vm} cannot be migrated again: the migrated VM has been handed over, or may have been, and may be in use',
    next: 'If the hand-over failed, finish it, from its page or with “wherry finish”. To migrate it once more, remove the migrated VM at the target, then start a new migration.',
  },
  'migration.being_undone': {
    status: 409,
    message: 'VM {vm} is being undone',
    next: 'Try again in a moment, when what was made has been removed.',
    passing: true,
  },
  'migration.bad_result': {
    status: 500,
    message: 'Step {step} of VM {vm} gave a result that is not one',
    next: 'Server and worker may be of different versions: bring both to the same, then start the migration again.',
  },
  'migration.ledger_conflict': {
    status: 409,
    message: 'Ledger row {id} cannot be changed like this: it belongs to another VM migration or is {state} already',
    next: 'This is a defect of the worker: report it with the VM migration’s log.',
  },
  'migration.lease_expired': {
    status: 500,
    message: 'Worker {worker} has not been heard of for {seconds} s',
    next: 'The step goes on from its last checkpoint by itself, on this worker or another one.',
    passing: true,
  },
  'migration.worker_restarted': {
    status: 500,
    message: 'Worker {worker} was started anew',
    next: 'The step goes on from its last checkpoint by itself.',
    passing: true,
  },
  'migration.worker_unknown': {
    status: 410,
    message: 'Worker {worker} has not introduced itself',
    next: 'Nothing to do: the worker says hello and goes on.',
  },
  'migration.worker_replaced': {
    status: 410,
    message: 'Worker {worker} runs a second time with the same identity; this process is the older one',
    next: 'Stop one of the two, or give the second one a home directory of its own.',
  },
  'migration.protocol': {
    status: 409,
    message: 'Worker {worker} speaks version {theirs} of the protocol, the server {ours}',
    next: 'Bring server and worker to the same version.',
  },
  'migration.no_worker': {
    status: 503,
    message: 'There is no worker that could look at the source',
    next: 'Start a worker where the source is reachable, or see in its log why it does not connect.',
    passing: true,
  },
  'migration.call_timeout': {
    status: 504,
    message: 'Worker {worker} has not answered within {seconds} s',
    next: 'Try again. If it repeats, look at the worker’s log: the source may be slow or unreachable.',
    passing: true,
  },
  'wait.no_worker': {
    status: 409,
    message: 'Waits for a worker: none is alive',
    next: 'Start a worker, or see in its log why it does not connect.',
  },
  'wait.worker': {
    status: 409,
    message: 'Waits for a worker to ask for work',
    next: 'It starts by itself. If it does not, look at the workers.',
  },
  'wait.worker_limit': {
    status: 409,
    message: 'Waits for its turn: each worker runs at most {limit} VMs at once',
    next: 'It starts by itself when another VM has ended. More workers, or a higher limit, make it start sooner.',
  },
  'wait.server_limit': {
    status: 409,
    message: 'Waits for its turn: at most {limit} VMs run at once',
    next: 'It starts by itself when another VM has ended.',
  },
  'wait.retry': {
    status: 409,
    message: 'Waits a little before step {step} is tried again',
    next: 'It goes on by itself.',
  },
  'ledger.left_open': {
    status: 500,
    message: 'VM {vm}: the migration has ended, but {count} of the things it made are neither removed nor handed over',
    next: 'Look at its page: there it can be removed or, where the hand-over had begun, the hand-over can be finished.',
  },
} as const satisfies Record<string, ErrorEntry>;
