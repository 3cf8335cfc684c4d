/** What a field of the language is: how it is read, compared, looked for in the database, and explained. */
import type { Expression } from 'kysely';
import type { ConcernContext, VmObject } from '../../concerns/context.ts';
import type { Concern } from '../../model/concern.ts';
import type { ProviderType } from '../../model/provider.ts';
import type { TraitName } from './traits.ts';

export type Plain = string | number | boolean;

/** What a filter is asked of in memory. */
export type Subject = {
  readonly vm: VmObject;
  readonly provider: { readonly name: string; readonly type: ProviderType };
  readonly concerns: readonly Concern[];
  /** What only rules know. */
  readonly context?: ConcernContext;
};

/**
 * Where the database has it. `v` is inventory_search, `p` provider, `o` inventory_object. Columns of `v` are called as those
 * of inventory_vm, which has the same unfolded.
 */
export type Place =
  /** One value, or null. `isFolded`: A to Z are a to z there. */
  | { readonly kind: 'column'; readonly at: Expression<unknown>; readonly isFolded: boolean }
  | { readonly kind: 'numbers'; readonly at: Expression<unknown> }
  /** A list that many VMs have alike: each is in inventory_set once, under this kind. */
  | { readonly kind: 'set'; readonly of: 'concerns' | 'tags' | 'networks' | 'storages' }
  /** A list that each VM has for itself. */
  | { readonly kind: 'texts'; readonly of: 'ips' | 'macs' }
  | { readonly kind: 'trait'; readonly name: TraitName }
  /** A property of the objects in a list of the stored VM. Read from `o`: correct, and slower than the others. */
  | { readonly kind: 'list'; readonly list: 'disks' | 'nics' | 'snapshots' | 'devices'; readonly key: string }
  /** A text of the stored VM itself. */
  | { readonly kind: 'stored'; readonly key: string }
  | { readonly kind: 'facts' };

export type Field = {
  /** Dotted, as people write it; upper and lower case are the same. */
  readonly name: string;
  /** `enum`: one of `values`; `rank`: likewise, and in that order. `size`: bytes, written with a unit. */
  readonly type: 'text' | 'enum' | 'rank' | 'boolean' | 'number' | 'size' | 'fact';
  readonly values: readonly string[];
  /** It may have several values: one that matches is enough. */
  readonly many: boolean;
  readonly doc: string;
  /** Null: known to rules only, because it is not kept with the VM. */
  readonly place: Place | null;
  /** Its values, as the database has them; none where it is not known. A rank is its position in `values`. */
  of(subject: Subject, fact: string): readonly Plain[];
};
