/**
 * What becomes of a step whose attempt ended without an outcome: its lease ran out, its worker was started anew, its
 * child died. It goes on from its checkpoint; where is admission's business (the same worker while it lives, else
 * another). Pure.
 */
import type { Policy } from './policy.ts';

export type Loss =
  /** Ready again, not before `waitMs` from now. `fruitless` is its new count. */
  { readonly kind: 'again'; readonly waitMs: number; readonly fruitless: number } | { readonly kind: 'give-up' };

/** `fruitless`: attempts in a row before this one that brought nothing durable; -1 when this one did bring something. */
export function afterLoss(
  fruitless: number,
  policy: Pick<Policy, 'maxFruitless' | 'backoffMs' | 'maxBackoffMs'>,
): Loss {
  const now = fruitless + 1;
  if (now >= policy.maxFruitless) return { kind: 'give-up' };
  const waitMs = now <= 1 ? 0 : Math.min(policy.backoffMs * 2 ** (now - 2), policy.maxBackoffMs);
  return { kind: 'again', waitMs, fruitless: now };
}
