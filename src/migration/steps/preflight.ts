/**
 * Looks before anything is changed: the source is read and described, the target asked what stands in the way. What is
 * found here costs a user nothing; found later it would cost a copy.
 */
import { hostname } from 'node:os';
import type Type from 'typebox';
import { conversionNeeded } from '../../conversion/needed.ts';
import { inspectVersion } from '../../conversion/tool.ts';
import { type ErrorCode, fromStored, located, WherryError } from '../../model/errors.ts';
import type { Vm } from '../../model/vm.ts';
import type { Source } from '../../providers/provider.ts';
import type { Step, StepContext } from '../step.ts';
import { recorded, workKey } from './recorded.ts';
import type { results } from './results.ts';

type Looked = Type.Static<(typeof results)['preflight']>;

export const preflight: Step = async (context) => {
  const { spec } = context.lease.vmMigration;
  const directory = { path: context.directory };
  await recorded(context, { kind: 'directory', key: workKey, planned: directory, local: true }, async () => directory);

  await using source = await context.providers.openSource(spec.source, context.signal);
  const vm = await source.describe(spec.vm, context.signal);
  try {
    return { value: await look(context, source, vm) };
  } catch (error) {
    throw located(error, { vm: vm.name }); // its name is known from here on
  }
};

async function look(context: StepContext, source: Source, vm: Vm): Promise<Looked> {
  const { spec, targetCopyId } = context.lease.vmMigration;
  const host = hostname();
  const identity = await source.identity(vm, context.signal);
  const targetName = spec.targetName ?? vm.name;
  const conversion = conversionNeeded(vm, spec.options.conversion);
  if (conversion) await inspectVersion(context.signal);

  await using target = await context.providers.openTarget(spec.target, context.signal);
  await target.eligible(context.signal);
  const found = [
    ...((await source.concerns?.(vm, context.signal)) ?? []),
    ...(await target.concerns({ mark: { targetCopyId }, vm, targetName }, context.signal)),
  ];
  const concerns = found.map((concern) => ({ ...concern, params: { vm: vm.name, host, ...concern.params } }));
  const critical = concerns.find((concern) => concern.severity === 'critical');
  if (critical !== undefined) {
    const { code, params, causes = [] } = critical;
    throw fromStored({ code: code as ErrorCode, params, causes });
  }

  const inOrder = vm.disks.some((disk) => disk.access === 'sequential');
  const stream = target.access === 'stream';
  // A conversion reads here and there: neither end has the disk for it.
  if (inOrder && stream && conversion) throw new WherryError('migration.nowhere_to_convert', { vm: vm.name });
  await context.failPoint('preflight.done');
  return { vm, targetName, concerns, conversion, inOrder, stream, identity };
}
