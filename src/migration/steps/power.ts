import type { Step, StepContext } from '../step.ts';
import { resultOf } from './results.ts';

/** A guest that crashes at once does so within this time; one that says something on its console ends the wait early. */
const settleMs = 5_000;
const bootTimeoutMs = 300_000;

/** "As the source was" is on for a source that has no power state: whoever imports an appliance wants it to run. */
function wanted(context: StepContext): boolean {
  return context.lease.vmMigration.spec.options.power !== 'off';
}

export const powerOn: Step = async (context) => {
  const { spec } = context.lease.vmMigration;
  await using target = await context.providers.openTarget(spec.target, context.signal);
  if (!wanted(context) || target.power === undefined) return { skipped: true };
  const { vm } = resultOf(context, 'create-vm');
  await context.failPoint('power-on.before');
  await context.mayAct();
  await target.power.on(vm, context.signal);
  await context.failPoint('power-on.after');
  return { value: {} };
};

export const checkBoot: Step = async (context) => {
  const { spec } = context.lease.vmMigration;
  await using target = await context.providers.openTarget(spec.target, context.signal);
  if (!wanted(context) || target.power === undefined) return { skipped: true };
  const { vm } = resultOf(context, 'create-vm');
  const options = { settleMs, timeoutMs: bootTimeoutMs };
  const { evidence } = await target.power.checkBoot(vm, options, context.signal);
  context.log('info', `the guest runs: ${evidence}`);
  await context.failPoint('check-boot.done');
  return { value: { evidence } };
};
