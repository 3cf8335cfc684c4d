/** Which rules a VM meets. Pure: the same VM, context and rules give the same concerns. */
import type { Concern } from '../model/concern.ts';
import type { ConcernContext, VmObject } from './context.ts';
import { type Rule, type RuleSet, productRules } from './rules.ts';

/**
 * Worst first, then in the order of the rules. Of a VM that is known in summary only, rules that need its lists say
 * nothing: call again once `detail` is full.
 */
export function concernsOf(vm: VmObject, context: ConcernContext, { rules }: RuleSet = productRules): Concern[] {
  const found = rules
    .filter(({ on }) => on === 'all' || on.includes(context.type))
    .flatMap((rule) => concernsOfRule(rule, vm, context));
  return found.sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

const order: readonly Concern['severity'][] = ['critical', 'warning', 'information'];

/** More of one kind on one VM than this help nobody. */
const mostOfOneRule = 64;

function concernsOfRule(rule: Rule, vm: VmObject, context: ConcernContext): Concern[] {
  return rule
    .find(vm, context)
    .slice(0, mostOfOneRule)
    .map((params) => ({ code: rule.id, severity: rule.severity, params: { vm: vm.name, ...params } }));
}
