import { isDeepStrictEqual } from 'node:util';
import type { Step, StepContext } from '../step.ts';
import { maybeResultOf, resultOf } from './results.ts';
import { copiedIdentity, identityToRead, sameSource } from './same-source.ts';

/** The source's own checksums, in a pass of its own beside the copy; a wrong one stops before a VM is made. */
export const checkManifest: Step = async (context) => {
  const { vm } = resultOf(context, 'preflight');
  await using source = await context.providers.openSource(context.lease.vmMigration.spec.source, context.signal);
  if (source.verifyManifest === undefined) return { skipped: true };
  const identity = await identityToRead(context, source);
  const report = (done: number, total: number): void =>
    context.progress({ phase: 'checksums', fraction: total === 0 ? 1 : done / total, disks: [] });
  await source.verifyManifest(vm, report, context.signal);
  await sameSource(
    context,
    source,
    vm,
    vm.disks.map(({ id }) => id),
    identity,
  );
  return { value: { identity } };
};

/** Once more, when what was checked is not what was copied in the end, because the source changed in between. */
export async function checkWhatWasCopied(context: StepContext): Promise<void> {
  const checked = maybeResultOf(context, 'check-manifest')?.identity;
  if (checked === undefined || isDeepStrictEqual(checked, copiedIdentity(context))) return;
  context.log('info', 'the source changed after its checksums were checked: they are checked again');
  await checkManifest(context);
}
