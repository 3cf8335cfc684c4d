import type { Step } from '../step.ts';
import { sameSource } from './ends.ts';
import { resultOf } from './results.ts';

/** The source's own checksums, in a pass of its own beside the copy; a wrong one stops before a VM is made. */
export const checkManifest: Step = async (context) => {
  const { vm } = resultOf(context, 'preflight');
  await using source = await context.providers.openSource(context.lease.vmMigration.spec.source, context.signal);
  if (source.verifyManifest === undefined) return { skipped: true };
  const report = (done: number, total: number): void =>
    context.progress({ phase: 'checksums', fraction: total === 0 ? 1 : done / total, disks: [] });
  await source.verifyManifest(vm, report, context.signal);
  await sameSource(
    context,
    source,
    vm,
    vm.disks.map(({ id }) => id),
  );
  return { value: {} };
};
