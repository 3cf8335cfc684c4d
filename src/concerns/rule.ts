/** What a rule is: data, and how it is asked of a VM. */
import { partPredicateOf, predicateOf } from '../inventory/search/match.ts';
import { parseFilter } from '../inventory/search/parse.ts';
import type { Concern } from '../model/concern.ts';
import type { InventoryVm } from '../model/inventory.ts';
import type { ProviderType } from '../model/provider.ts';
import type { ConcernContext, VmObject } from './context.ts';

export type Params = Concern['params'];
type Find = (vm: VmObject, context: ConcernContext) => readonly Params[];

/** A part of a VM that a rule is asked of one by one; its name becomes the parameter of that name. */
export const parts = ['disk', 'nic', 'device', 'snapshot'] as const;
export type Part = (typeof parts)[number];

export type RuleData = {
  /** `vmware.disk.rdm.detected`: Forklift's id where it has such a rule. */
  readonly id: string;
  readonly on: readonly ProviderType[];
  readonly severity: Concern['severity'];
  /** What is wrong, with `{vm}`, the part, and `with` as parameters, as in the catalogue of errors. */
  readonly text: string;
  readonly fix: string;
  /** The condition, in the language of search (scope `rules`). */
  readonly filter?: string;
  /** Each of these is looked at as if the VM had no other, and named. */
  readonly each?: Part;
  /** Where the language cannot say it: the parameters of each finding. Pure. */
  readonly find?: Find;
  /** Parameters that are facts of the VM, by the fact's name. */
  readonly with?: Readonly<Record<string, string>>;
  /** It needs no lists and is asked of VMs that are known in summary, too. */
  readonly onSummary?: boolean;
};

export type Rule = RuleData & {
  /** Written by a user. */
  readonly own: boolean;
  /** @param concerns what rules before it have found: a filter may ask for it */
  readonly ask: (vm: VmObject, context: ConcernContext, concerns: readonly Concern[]) => readonly Params[];
};

const nothing: readonly Params[] = [];

/** @throws search.filter_wrong, search.filter_too_long */
export function ruleOf(data: RuleData, own = false): Rule {
  const { find, each, filter, with: facts = {} } = data;
  if (filter === undefined) return { ...data, own, ask: (vm, context) => find?.(vm, context) ?? [] };
  const parsed = parseFilter(filter, 'rules');
  const holds = predicateOf(parsed);
  const mayHoldOfPart = partPredicateOf(parsed);
  return {
    ...data,
    own,
    ask: (vm, context, concerns) => {
      const provider = { name: '', type: context.type };
      const whole = { vm, provider, concerns, context };
      if (each === undefined) return holds(whole) ? [factsOf(vm, facts)] : nothing;
      if (!mayHoldOfPart(whole)) return nothing;
      return partsOf(vm, each)
        .filter(([one]) => holds({ vm: one, provider, concerns, context }))
        .map(([, name]) => ({ [each]: name }));
    },
  };
}

function factsOf(vm: VmObject, names: Readonly<Record<string, string>>): Params {
  return Object.fromEntries(Object.entries(names).map(([name, fact]) => [name, String(vm.data.facts[fact] ?? '')]));
}

type Parts = readonly (readonly [VmObject, string])[];

/** Many rules ask for the same parts of a VM, one after the other. */
const known = new WeakMap<VmObject, Map<Part, Parts>>();

function partsOf(vm: VmObject, part: Part): Parts {
  let apart = known.get(vm);
  if (apart === undefined) known.set(vm, (apart = new Map()));
  let found = apart.get(part);
  if (found === undefined) apart.set(part, (found = takenApart(vm, part)));
  return found;
}

/** The VM with only one disk, NIC … at a time, and the name of it. */
function takenApart(vm: VmObject, part: Part): Parts {
  const { data } = vm;
  const withOnly = (only: Partial<InventoryVm>): VmObject => ({ ...vm, data: { ...data, ...only } });
  switch (part) {
    case 'disk':
      return data.disks.map((disk) => [withOnly({ disks: [disk] }), disk.name || disk.id]);
    case 'nic':
      return data.nics.map((nic) => [withOnly({ nics: [nic] }), nic.network ?? nic.mac ?? nic.id]);
    case 'device':
      return data.devices.map((device) => [withOnly({ devices: [device] }), device.name || device.type]);
    case 'snapshot':
      return data.snapshots.map((snapshot) => [withOnly({ snapshots: [snapshot] }), snapshot.name || snapshot.id]);
    default:
      return part satisfies never;
  }
}
