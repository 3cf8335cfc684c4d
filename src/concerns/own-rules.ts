/**
 * Rules that a user wrote, in a JSON file:
 *
 *     { "rules": [
 *       { "id": "own.old-esx", "severity": "warning", "filter": "host ~ esx-old*", "on": ["vsphere"],
 *         "text": "VM {vm} runs on an old host", "fix": "Move it first." }
 *     ] }
 *
 * Each rule stands for itself: what is wrong in one is told with its line, and the others are taken all the same.
 */
import Type from 'typebox';
import { Value } from 'typebox/value';
import type { Filter } from '../inventory/search/ast.ts';
import { parseFilter } from '../inventory/search/parse.ts';
import { toStored, WherryError } from '../model/errors.ts';
import { Concern } from '../model/concern.ts';
import { ProviderType } from '../model/provider.ts';
import { StringEnum } from '../model/schema.ts';
import { brokenAt, itemOffsets } from './json-lines.ts';
import { parts, type Rule, ruleOf } from './rule.ts';
import { productRules } from './rules.ts';

const OwnRule = Type.Object(
  {
    id: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' }),
    severity: Concern.properties.severity,
    filter: Type.String({ minLength: 1, maxLength: 4_000 }),
    /** Left out: all types of providers. */
    on: Type.Optional(Type.Array(ProviderType, { minItems: 1 })),
    each: Type.Optional(StringEnum(parts)),
    text: Type.String({ minLength: 1, maxLength: 1_000 }),
    fix: Type.String({ minLength: 1, maxLength: 1_000 }),
  },
  { additionalProperties: false },
);
type OwnRule = Type.Static<typeof OwnRule>;

const mostRules = 500;

export type OwnRules = { readonly rules: readonly Rule[]; readonly problems: readonly WherryError[] };

/** Never throws. @param path what problems name */
export function parseOwnRules(text: string, path: string): OwnRules {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (error) {
    return { rules: [], problems: [notJson(text, path, error)] };
  }
  const given = typeof file === 'object' && file !== null && 'rules' in file ? file.rules : undefined;
  if (!Array.isArray(given)) return { rules: [], problems: [wrong(path, '"rules" is no list')] };
  const lines = itemOffsets(text, 'rules').map((offset) => lineAt(text, offset));
  const taken = new Map(productRules.rules.map(({ id }) => [id, 'a rule of Wherry']));
  const rules: Rule[] = [];
  const problems: WherryError[] = [];
  if (given.length > mostRules)
    problems.push(wrong(path, `there are more than ${mostRules} rules; the rest is left out`));
  for (const [at, one] of (given as unknown[]).slice(0, mostRules).entries()) {
    const place = { line: lines[at] ?? '', rule: nameOf(one, at) };
    try {
      const rule = ownRule(one);
      const other = taken.get(rule.id);
      if (other !== undefined) throw new Error(`${other} has this id`);
      taken.set(rule.id, 'a rule above');
      rules.push(rule);
    } catch (problem) {
      problems.push(wrong(path, problem instanceof Error ? problem.message : String(problem), place));
    }
  }
  return { rules, problems };
}

function ownRule(given: unknown): Rule {
  if (!Value.Check(OwnRule, given)) throw new Error(complaintOf(given));
  const { on = ['vsphere', 'libvirt', 'ova'], ...data } = given;
  const known = ['vm', ...(data.each === undefined ? [] : [data.each])];
  const asked = [...`${data.text} ${data.fix}`.matchAll(/\{(\w+)(?::bytes)?\}/g)].map(([, name = '']) => name);
  const unknown = asked.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new Error(`there is no {${unknown}} here, only ${known.map((name) => `{${name}}`).join(' and ')}`);
  }
  const rule = ruleOf({ ...data, on }, true);
  if (asksFor('provider', parseFilter(data.filter, 'rules'))) {
    throw new Error('rules do not know the name of a provider: "on" and provider.type say which types they are about');
  }
  return rule;
}

function asksFor(name: string, filter: Filter): boolean {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return filter.of.some((one) => asksFor(name, one));
    case 'not':
      return asksFor(name, filter.of);
    case 'empty':
    case 'compare':
      return filter.field.name === name;
    default:
      return filter satisfies never;
  }
}

function complaintOf(given: unknown): string {
  const [first] = Value.Errors(OwnRule, given);
  if (first === undefined) return 'it is not valid';
  const extra = Object.values(first.params)
    .flat()
    .filter((value) => typeof value === 'string');
  const field = first.instancePath.replace(/^\//, '');
  return `${field === '' ? 'it' : `"${field}"`} ${first.message}${extra.length > 0 ? ` (${extra.join(', ')})` : ''}`;
}

function nameOf(given: unknown, at: number): string {
  const id = typeof given === 'object' && given !== null && 'id' in given ? given.id : undefined;
  return typeof id === 'string' && id !== '' ? id.slice(0, 100) : `number ${at + 1}`;
}

function notJson(text: string, path: string, error: unknown): WherryError {
  return new WherryError(
    'rules.file_wrong',
    { path, problem: 'it is not JSON', line: lineAt(text, brokenAt(text)) },
    error,
  );
}

function wrong(path: string, problem: string, place: Readonly<Record<string, string | number>> = {}): WherryError {
  return new WherryError('rules.file_wrong', { path, problem, ...place });
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

/** One line for a log or a list. */
export function problemText(problem: WherryError): string {
  return [problem.message, ...toStored(problem).causes].join(': ');
}
