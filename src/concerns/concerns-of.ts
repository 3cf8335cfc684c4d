/** Which rules a VM meets. Pure: the same VM, context and rules give the same concerns. */
import type { Concern } from '../model/concern.ts';
import type { ConcernContext, VmObject } from './context.ts';
import { productRules, type RuleSet } from './rules.ts';

const order: readonly Concern['severity'][] = ['critical', 'warning', 'information'];

/** More of one kind on one VM than this help nobody. */
const mostOfOneRule = 64;

/**
 * Worst first, then in the order of the rules. Of a VM that is known in summary only, rules that need its lists say
 * nothing: call again once `detail` is full.
 */
export function concernsOf(vm: VmObject, context: ConcernContext, { rules }: RuleSet = productRules): Concern[] {
  const found: Concern[] = [];
  for (const rule of rules) {
    if (!rule.on.includes(context.type)) continue;
    if (vm.data.detail === 'summary' && rule.onSummary !== true) continue;
    for (const params of rule.ask(vm, context, found).slice(0, mostOfOneRule)) {
      found.push({ code: rule.id, severity: rule.severity, params: { vm: vm.name, ...params } });
    }
  }
  return found.sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}
