/**
 * Named places before and after every effect and every durable change. A test arms one and kills whoever reaches it
 * (test/crash, `script/accept kill-anything`); in a product they cost one comparison. A test checks that every name here
 * is reached in a whole migration.
 *
 * Armed by the environment: WHERRY_FAIL_POINTS names a directory. Reaching a point whose file `armed/<point>` exists
 * renames that file to `reached/<point>` (so it fires once) and then waits to be killed, for at most 30 s. A test that kills
 * somebody else lets it go on by removing `reached/<point>`.
 */
import { existsSync, renameSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export const failPoints = [
  'preflight.done',
  'create-disks.intent.after',
  'create-disks.effect.after',
  'create-disks.done',
  'copy.opened',
  'copy.written.before-flush',
  'copy.flushed.before-journal',
  'copy.journaled',
  'copy.done',
  'convert.overlay.intent',
  'convert.overlay.created',
  'convert.running',
  'convert.done',
  'verify.reading',
  'verify.done',
  'apply.checkpoint.before',
  'apply.checkpoint.after',
  'apply.half',
  'apply.done',
  'create-vm.intent.after',
  'create-vm.effect.after',
  'power-on.before',
  'power-on.after',
  'check-boot.done',
  'finalize.before',
  'finalize.after',
  'clean-up.before',
  'clean-up.after',
  'undo.before',
  'undo.after',
  'server.lease.before-commit',
  'server.lease.after-commit',
  'server.finish.before-commit',
  'server.finish.after-commit',
  'server.ledger.after-commit',
  'server.checkpoint.after-commit',
] as const;
export type FailPoint = (typeof failPoints)[number];

const directory = process.env['WHERRY_FAIL_POINTS'];

export async function failPoint(point: FailPoint): Promise<void> {
  if (directory === undefined) return;
  if (!existsSync(`${directory}/armed/${point}`)) return;
  try {
    renameSync(`${directory}/armed/${point}`, `${directory}/reached/${point}`);
  } catch {
    return; // somebody else was faster
  }
  for (const until = performance.now() + 30_000; performance.now() < until; await sleep(20)) {
    if (!existsSync(`${directory}/reached/${point}`)) return;
  }
}
