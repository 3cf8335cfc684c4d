/** Which rules a VM meets. Pure: the same VM, context and rules give the same concerns. */
import type { Concern } from '../model/concern.ts';
import type { ConcernContext, VmObject } from './context.ts';
import type { ProviderType } from '../model/provider.ts';
import type { Rule } from './rule.ts';
import { productRules, type RuleSet } from './rules.ts';

const order: readonly Concern['severity'][] = ['critical', 'warning', 'information'];

/** More of one kind on one VM than this help nobody. */
const mostOfOneRule = 64;

/**
 * Worst first, then in the order of the rules. Of a VM that is known in summary only, rules that need its lists say
 * nothing: call again once `detail` is full.
 */
export function concernsOf(vm: VmObject, context: ConcernContext, rules: RuleSet = productRules): Concern[] {
  const found: Concern[] = [];
  for (const rule of rulesFor(context.type, rules)) {
    if (vm.data.detail === 'summary' && rule.onSummary !== true) continue;
    const findings = rule.ask(vm, context, found);
    if (findings.length === 0) continue;
    for (const params of findings.slice(0, mostOfOneRule)) {
      found.push({ code: rule.id, severity: rule.severity, params: { vm: vm.name, ...params } });
    }
  }
  return found.sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

/** Half of the rules are about other sources, and all VMs of a system ask for the same. */
function rulesFor(type: ProviderType, set: RuleSet): readonly Rule[] {
  let byType = known.get(set);
  if (byType === undefined) known.set(set, (byType = new Map()));
  let rules = byType.get(type);
  if (rules === undefined) byType.set(type, (rules = set.rules.filter(({ on }) => on.includes(type))));
  return rules;
}
const known = new WeakMap<RuleSet, Map<ProviderType, readonly Rule[]>>();
