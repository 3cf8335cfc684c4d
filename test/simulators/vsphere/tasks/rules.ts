/** Faults and delays on demand: which call of which method on which object goes wrong, and how. */
import { VimFault } from '../soap/fault.ts';
import type { Ref } from '../values.ts';

export type Rule = {
  readonly method: string;
  /** An object's id; absent: any. */
  readonly object?: string;
  /** The first matching call that it is about, from 1; absent: the first. */
  readonly nth?: number;
  /** How many calls from there on; absent: all. */
  readonly times?: number;
  /** Milliseconds before the answer, or, of a task, until it ends. */
  readonly delayMs?: number;
  readonly fault?: VimFault;
  /** Of a method that starts a task: whether the call itself fails or the task does (as if absent). */
  readonly where?: 'call' | 'task';
};

type Active = { readonly rule: Rule; seen: number };

export class Rules {
  readonly #rules: Active[] = [];
  readonly #counts = new Map<string, number>();

  /** Adds a rule; the returned function takes it away again. */
  add(rule: Rule): () => void {
    const active = { rule, seen: 0 };
    this.#rules.push(active);
    return () => {
      const at = this.#rules.indexOf(active);
      if (at >= 0) this.#rules.splice(at, 1);
    };
  }

  /** How often a method was called since the beginning, whatever came of it. */
  count(method: string): number {
    return this.#counts.get(method) ?? 0;
  }

  /** Notes a call and gives the rules that are about it. */
  match(method: string, self: Ref): Rule[] {
    this.#counts.set(method, this.count(method) + 1);
    return this.#rules
      .filter(({ rule }) => rule.method === method && (rule.object === undefined || rule.object === self.value))
      .filter((active) => {
        active.seen += 1;
        const first = active.rule.nth ?? 1;
        return active.seen >= first && active.seen < first + (active.rule.times ?? Infinity);
      })
      .map(({ rule }) => rule);
  }
}
