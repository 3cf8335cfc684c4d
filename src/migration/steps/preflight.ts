/**
 * Looks before anything is changed: the source is read and described, the target asked what stands in the way. What is
 * found here costs a user nothing; found later it would cost a copy.
 */
import { conversionNeeded } from '../../conversion/needed.ts';
import { inspectVersion } from '../../conversion/tool.ts';
import { type ErrorCode, WherryError } from '../../model/errors.ts';
import type { Step } from '../step.ts';
import { recorded } from './recorded.ts';

export const preflight: Step = async (context) => {
  const { spec, targetCopyId } = context.lease.vmMigration;
  const directory = { path: context.directory };
  await recorded(context, { kind: 'directory', key: 'work', planned: directory, local: true }, async () => directory);

  await using source = await context.providers.openSource(spec.source, context.signal);
  const vm = await source.describe(spec.vm, context.signal);
  const identity = await source.identity(vm, context.signal);
  const targetName = spec.targetName ?? vm.name;
  const conversion = conversionNeeded(vm, spec.options.conversion);
  if (conversion) await inspectVersion(context.signal);

  await using target = await context.providers.openTarget(spec.target, context.signal);
  await target.eligible(context.signal);
  const concerns = [
    ...((await source.concerns?.(vm, context.signal)) ?? []),
    ...(await target.concerns({ mark: { targetCopyId }, vm, targetName }, context.signal)),
  ];
  const critical = concerns.find((concern) => concern.severity === 'critical');
  if (critical !== undefined) throw new WherryError(critical.code as ErrorCode, critical.params);

  const inOrder = vm.disks.some((disk) => disk.access === 'sequential');
  await context.failPoint('preflight.done');
  return { value: { vm, targetName, concerns, conversion, inOrder, identity } };
};
