/** Concerns as people read them: text and fix come from the rule, or from the catalogue of errors for what providers find. */
import type { Concern } from '../model/concern.ts';
import { type ErrorCode, explain, fill } from '../model/errors.ts';
import type { RuleSet } from './rules.ts';

export type ShownConcern = Concern & { readonly text: string; readonly next: string };

/** Of a rule that is no longer there, the code is all that can be shown. */
export function shownConcerns(concerns: readonly Concern[], { rules }: RuleSet): ShownConcern[] {
  const byId = new Map(rules.map((rule) => [rule.id, rule]));
  return concerns.map((concern) => {
    const { code, params, causes = [] } = concern;
    const rule = byId.get(code);
    if (rule !== undefined) return { ...concern, text: fill(rule.text, params), next: fill(rule.fix, params) };
    const { message: text, next } = explain({ code: code as ErrorCode, params, causes });
    return { ...concern, text, next };
  });
}
