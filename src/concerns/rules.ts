/** The rules of the product, as one set with a version. */
import { createHash } from 'node:crypto';
import type { Concern } from '../model/concern.ts';
import type { ProviderType } from '../model/provider.ts';
import type { ConcernContext, VmObject } from './context.ts';

export type Rule = {
  /** `vmware.disk.rdm.detected`: Forklift's id where it has such a rule. */
  readonly id: string;
  readonly on: readonly ProviderType[] | 'all';
  readonly severity: Concern['severity'];
  /** What is wrong and what is to be done, with `{parameters}` as in the catalogue of errors. */
  readonly text: string;
  readonly fix: string;
  /** The parameters of each concern that it finds (`vm` is added); none: the VM is fine. Pure. */
  readonly find: (vm: VmObject, context: ConcernContext) => readonly Concern['params'][];
};

export type RuleSet = {
  /** Changes with every change of a rule: what was found by another set is looked for again. */
  readonly version: string;
  readonly rules: readonly Rule[];
};

const rules: readonly Rule[] = [
  {
    id: 'vmware.host.maintenance',
    on: ['vsphere'],
    severity: 'critical',
    text: 'The host of VM {vm} is in maintenance mode',
    fix: 'Take the host out of maintenance mode, or move the VM to another host.',
    find: (_, { host }) => (host?.maintenance === true ? [{}] : []),
  },
];

export const productRules: RuleSet = ruleSet(rules);

export function ruleSet(all: readonly Rule[]): RuleSet {
  const told = all.map(({ find, ...data }) => ({ ...data, find: find.toString() }));
  return { rules: all, version: createHash('sha256').update(JSON.stringify(told)).digest('hex').slice(0, 16) };
}
