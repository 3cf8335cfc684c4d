/** The rules of the product, as one set with a version. */
import { createHash } from 'node:crypto';
import { libvirtRules } from './libvirt-rules.ts';
import { ovaRules } from './ova-rules.ts';
import { type Rule, ruleOf } from './rule.ts';
import { vmwareRules } from './vmware-rules.ts';
import { vmwareMoreRules } from './vmware-more-rules.ts';

export type RuleSet = {
  /** Changes with every change of a rule: what was found by another set is looked for again. */
  readonly version: string;
  readonly rules: readonly Rule[];
};

/** Raise it when a predicate's helper or the language changes what is found: they are not in the hash. */
const revision = 1;

export const productRules: RuleSet = ruleSet(
  [...vmwareRules, ...vmwareMoreRules, ...ovaRules, ...libvirtRules].map((data) => ruleOf(data)),
);

/** Texts are no part of the version: what is stored is a code with its parameters. */
export function ruleSet(rules: readonly Rule[]): RuleSet {
  const told = rules.map(({ id, on, severity, filter, each, find, with: facts, onSummary }) =>
    JSON.stringify([id, on, severity, filter, each, find?.toString(), facts, onSummary]),
  );
  const version = createHash('sha256')
    .update([revision, ...told].join('\n'))
    .digest('hex')
    .slice(0, 16);
  return { rules, version };
}
