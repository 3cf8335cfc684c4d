/**
 * The grammar, from loosest to tightest:
 *
 *     filter     = and-terms { "or" and-terms }
 *     and-terms  = term { "and" term }
 *     term       = "not" term | "(" filter ")" | "has" field | comparison | TEXT
 *     comparison = field ( operator value | [ "not" ] "in" "(" value { "," value } ")" | "is" [ "not" ] "empty" )
 *
 * A text alone is looked for in names. What is wrong is told with its position, what is there, and what was expected.
 */
import { WherryError } from '../../model/errors.ts';
import type { CompareOperator, Filter, Operand } from './ast.ts';
import { Expected, type Expectation } from './expect.ts';
import type { Field } from './field.ts';
import { fieldNamed } from './fields.ts';
import { globOf } from './glob.ts';
import { operandOf } from './operand.ts';
import { type Token, tokensOf } from './tokens.ts';
import { fold } from './traits.ts';

/** `search`: what the database can be asked; `rules`: also what is not kept with a VM. */
export type Scope = 'search' | 'rules';

export const limits = { length: 4_000, depth: 32, terms: 200, listed: 500 } as const;

export const keywords = ['and', 'or', 'not', 'in', 'is', 'has', 'empty'] as const;

const comparisons: Readonly<Record<string, { operator: CompareOperator; negated: boolean }>> = {
  '=': { operator: 'eq', negated: false },
  '!=': { operator: 'eq', negated: true },
  '~': { operator: 'glob', negated: false },
  '!~': { operator: 'glob', negated: true },
  '<': { operator: 'lt', negated: false },
  '<=': { operator: 'le', negated: false },
  '>': { operator: 'gt', negated: false },
  '>=': { operator: 'ge', negated: false },
};

/** @throws search.filter_wrong, search.filter_too_long */
export function parseFilter(text: string, scope: Scope = 'search'): Filter {
  if (text.length > limits.length) throw new WherryError('search.filter_too_long', { limit: limits.length });
  try {
    return parseTokens(tokensOf(text), scope);
  } catch (problem) {
    if (problem instanceof Expected) throw problem.toError();
    throw problem;
  }
}

/** @throws Expected */
export function parseTokens(tokens: readonly Token[], scope: Scope): Filter {
  const parser = new Parser(tokens, scope);
  return parser.whole();
}

class Parser {
  private at = 0;
  private terms = 0;
  private depth = 0;
  private readonly tokens: readonly Token[];
  private readonly scope: Scope;

  constructor(tokens: readonly Token[], scope: Scope) {
    this.tokens = tokens;
    this.scope = scope;
  }

  whole(): Filter {
    if (this.next.kind === 'end' && this.tokens.length === 1) return { kind: 'and', of: [] };
    const filter = this.alternatives();
    if (this.next.kind !== 'end') this.fail({ kind: 'connective' });
    return filter;
  }

  private alternatives(): Filter {
    this.depth += 1;
    if (this.depth > limits.depth) this.fail({ kind: 'limit', what: `no more than ${limits.depth} levels` });
    const of = [this.conjunction()];
    while (this.takeWord('or')) of.push(this.conjunction());
    this.depth -= 1;
    return of.length === 1 && of[0] !== undefined ? of[0] : { kind: 'or', of };
  }

  private conjunction(): Filter {
    const of = [this.term()];
    while (this.takeWord('and')) of.push(this.term());
    return of.length === 1 && of[0] !== undefined ? of[0] : { kind: 'and', of };
  }

  private term(): Filter {
    this.terms += 1;
    if (this.terms > limits.terms) this.fail({ kind: 'limit', what: `no more than ${limits.terms} conditions` });
    if (this.takeWord('not')) {
      this.depth += 1;
      if (this.depth > limits.depth) this.fail({ kind: 'limit', what: `no more than ${limits.depth} levels` });
      const of = this.term();
      this.depth -= 1;
      return { kind: 'not', of };
    }
    if (this.take('(')) {
      const inner = this.alternatives();
      if (!this.take(')')) this.fail({ kind: 'connective', open: true });
      return inner;
    }
    if (this.takeWord('has')) return { kind: 'not', of: { kind: 'empty', ...this.field() } };
    const { next } = this;
    if (next.kind === 'string' || (next.kind === 'word' && this.isAlone())) return this.text();
    return this.comparison();
  }

  /** A word with nothing after it that could make a comparison of it, and that is no field. */
  private isAlone(): boolean {
    const { text } = this.next;
    if (fieldNamed(text) !== undefined || isKeyword(text) || /^facts(\.|$)/i.test(text)) return false;
    const after = this.tokens[this.at + 1];
    const word = after?.kind === 'word' ? after.text.toLowerCase() : '';
    return after === undefined || !(after.kind === 'operator' || ['in', 'is', 'not'].includes(word));
  }

  private text(): Filter {
    const token = this.value({ kind: 'term' });
    const field = fieldNamed('name');
    if (field === undefined) throw new Error('there is no field "name"');
    const operand: Operand = { text: '', number: null, boolean: null, glob: globOf(`*${fold(token.pattern)}*`) };
    return { kind: 'compare', field, fact: '', operator: 'glob', operands: [operand] };
  }

  private comparison(): Filter {
    const { field, fact } = this.field();
    if (this.takeWord('is')) {
      const negated = this.takeWord('not');
      if (!this.takeWord('empty')) this.fail({ kind: 'empty', negated });
      const empty: Filter = { kind: 'empty', field, fact };
      return negated ? { kind: 'not', of: empty } : empty;
    }
    const negated = this.takeWord('not');
    if (this.takeWord('in')) return maybeNot(negated, this.listed(field, fact));
    const { next } = this;
    const found = next.kind === 'operator' && !negated ? comparisons[next.text] : undefined;
    if (found === undefined || !mayCompare(field, found.operator)) {
      return this.fail(negated ? { kind: 'in' } : { kind: 'operator', field });
    }
    this.at += 1;
    const operands = [this.operand(field, found.operator)];
    return maybeNot(found.negated, { kind: 'compare', field, fact, operator: found.operator, operands });
  }

  private listed(field: Field, fact: string): Filter {
    if (!this.take('(')) this.fail({ kind: 'list' });
    const operands = [this.operand(field, 'eq')];
    while (this.take(',')) {
      if (operands.length === limits.listed) this.fail({ kind: 'limit', what: `no more than ${limits.listed} values` });
      operands.push(this.operand(field, 'eq'));
    }
    if (!this.take(')')) this.fail({ kind: 'list-end' });
    return { kind: 'compare', field, fact, operator: 'eq', operands };
  }

  private field(): { field: Field; fact: string } {
    const { next } = this;
    if (next.kind !== 'word' || isKeyword(next.text)) return this.fail({ kind: 'term' });
    const dot = /^facts\.(.*)$/is.exec(next.text);
    const field = fieldNamed(dot === null ? next.text : 'facts');
    if (field === undefined || (field.place === null && this.scope === 'search')) return this.fail({ kind: 'field' });
    if (field.type !== 'fact') {
      this.at += 1;
      return { field, fact: '' };
    }
    const after = this.tokens[this.at + 1];
    if (dot === null) return this.fail({ kind: 'field' });
    if (dot[1] !== '') {
      this.at += 1;
      return { field, fact: dot[1] ?? '' };
    }
    this.at += 1;
    if (after?.kind !== 'string' || after.from !== next.to || after.open) return this.fail({ kind: 'fact' });
    this.at += 1;
    return { field, fact: after.text };
  }

  private operand(field: Field, operator: CompareOperator): Operand {
    const expectation: Expectation = { kind: 'value', field, operator };
    const from = this.at;
    const token = this.value(expectation);
    const operand = operandOf(token, this.next, field, operator);
    if (operand === null) {
      this.at = from;
      return this.fail(expectation);
    }
    if (operand.tokens === 2) this.at += 1;
    return operand;
  }

  private value(expectation: Expectation): Token {
    const { next } = this;
    if (next.open) this.fail({ kind: 'quote' });
    if ((next.kind !== 'word' && next.kind !== 'string') || (next.kind === 'word' && isKeyword(next.text))) {
      return this.fail(expectation);
    }
    this.at += 1;
    return next;
  }

  private get next(): Token {
    const token = this.tokens[this.at];
    if (token === undefined) throw new Error('the tokens have no end');
    return token;
  }

  private take(kind: Token['kind']): boolean {
    if (this.next.kind !== kind) return false;
    this.at += 1;
    return true;
  }

  private takeWord(word: (typeof keywords)[number]): boolean {
    if (this.next.kind !== 'word' || this.next.text.toLowerCase() !== word) return false;
    this.at += 1;
    return true;
  }

  private fail(expectation: Expectation): never {
    throw new Expected(expectation, this.next);
  }
}

function isKeyword(text: string): boolean {
  return (keywords as readonly string[]).includes(text.toLowerCase());
}

function maybeNot(negated: boolean, of: Filter): Filter {
  return negated ? { kind: 'not', of } : of;
}

/** What has no order is not compared by it; what is no text is not matched by a glob. */
export function mayCompare({ type }: Field, operator: CompareOperator): boolean {
  if (operator === 'eq' || type === 'fact') return true;
  if (operator === 'glob') return type === 'text';
  return type === 'number' || type === 'size' || type === 'rank';
}
