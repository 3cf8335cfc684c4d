/**
 * What the API shows of searches: VMs of all providers as rows of a list, completion, saved filters, the rules of concerns.
 * Sizes are bytes. The language of filters is described in docs/search.md.
 */
import Type from 'typebox';
import { Concern } from '../model/concern.ts';
import { PowerState } from '../model/inventory.ts';
import { ProviderType } from '../model/provider.ts';
import { StringEnum } from '../model/schema.ts';

const Id = Type.String({ format: 'uuid' });
const Time = Type.String({ format: 'date-time' });
const Maybe = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Count = Type.Integer({ minimum: 0 });
const Texts = Type.Array(Type.String());
export const FilterText = Type.String({ maxLength: 4_000, description: 'docs/search.md' });

export const Severity = StringEnum(['none', 'information', 'warning', 'critical']);

/** A VM as a row of a list; all of it is at `/inventory/vms/{id}`. */
export const VmListItem = Type.Object({
  id: Id,
  /** The provider's own handle of it. */
  ref: Type.String(),
  name: Type.String(),
  provider: Type.Object({ id: Id, name: Type.String(), type: ProviderType }),
  power: PowerState,
  connection: Type.String(),
  template: Type.Boolean(),
  host: Maybe(Type.String()),
  cluster: Maybe(Type.String()),
  folder: Type.String(),
  os: Type.String(),
  cpus: Count,
  memoryBytes: Count,
  diskCount: Count,
  diskBytes: Count,
  usedBytes: Maybe(Count),
  nicCount: Count,
  snapshotCount: Count,
  networks: Texts,
  storages: Texts,
  macs: Texts,
  ips: Texts,
  tags: Texts,
  hostname: Maybe(Type.String()),
  uuid: Maybe(Type.String()),
  firmware: Maybe(Type.String()),
  tools: Type.String(),
  /** The worst of its concerns, and the ids of all of them. */
  severity: Severity,
  concerns: Texts,
});
export type VmListItem = Type.Static<typeof VmListItem>;

export const sortKeys = [
  'name',
  'provider',
  'power',
  'host',
  'cluster',
  'folder',
  'os',
  'cpus',
  'memory',
  'disks.count',
  'disks.total',
  'disks.used',
  'snapshots.count',
  'hostname',
  'severity',
] as const;
export type SortKey = (typeof sortKeys)[number];

const searched = {
  filter: Type.Optional(FilterText),
  provider: Type.Optional(Type.String({ format: 'uuid', description: 'only VMs of this provider' })),
  /** A minus before it: the other way round. */
  sort: Type.Optional(StringEnum(sortKeys.flatMap((key) => [key, `-${key}`] as const))),
};
export const VmSearch = Type.Object({
  ...searched,
  limit: Type.Integer({ minimum: 1, maximum: 500, default: 100 }),
  after: Type.Optional(Type.String({ maxLength: 4_096, description: '`next` of the page before' })),
  /** For who jumps into the middle of a list; going on from `after` misses and repeats nothing. */
  skip: Type.Integer({ minimum: 0, maximum: 10_000_000, default: 0, description: 'rows to pass over first' }),
});
export type VmSearch = Type.Static<typeof VmSearch>;
export const VmExport = Type.Object({ ...searched, format: StringEnum(['csv', 'json']) });

/** `total`: how many the filter finds, on all pages. `next`: null on the last page. */
export const VmPage = Type.Object({ items: Type.Array(VmListItem), total: Count, next: Maybe(Type.String()) });
export type VmPage = Type.Static<typeof VmPage>;

export const CompleteFilter = Type.Object(
  { filter: FilterText, cursor: Type.Integer({ minimum: 0, maximum: 4_000, description: 'in UTF-16 units' }) },
  { additionalProperties: false },
);
/** What may stand at the cursor: `text` of the one chosen replaces what is from `from` to `to`. */
export const FilterCompletion = Type.Object({
  from: Count,
  to: Count,
  suggestions: Type.Array(
    Type.Object({
      text: Type.String(),
      kind: StringEnum(['field', 'operator', 'value', 'keyword']),
      detail: Type.String(),
    }),
  ),
});
export type FilterCompletion = Type.Static<typeof FilterCompletion>;

export const CheckFilter = Type.Object({ filter: FilterText }, { additionalProperties: false });
/** Where it is wrong: `position` counts from 1, `length` is what to underline. */
export const CheckedFilter = Type.Object({
  ok: Type.Boolean(),
  problem: Maybe(
    Type.Object({
      position: Count,
      length: Count,
      message: Type.String(),
      found: Type.String(),
      expected: Type.String(),
    }),
  ),
});
export type CheckedFilter = Type.Static<typeof CheckedFilter>;

const FilterName = Type.String({ minLength: 1, maxLength: 100, pattern: '\\S' });
export const SaveFilter = Type.Object(
  { name: FilterName, filter: FilterText, shared: Type.Optional(Type.Boolean({ description: 'everybody sees it' })) },
  { additionalProperties: false },
);
export const EditFilter = Type.Partial(SaveFilter, { additionalProperties: false });
export const SavedFilter = Type.Object({
  id: Id,
  name: Type.String(),
  filter: Type.String(),
  shared: Type.Boolean(),
  owner: Type.String(),
  /** Whether it belongs to who asks. */
  own: Type.Boolean(),
  createdAt: Time,
  changedAt: Time,
});
export type SavedFilter = Type.Static<typeof SavedFilter>;
export const SavedFilterList = Type.Object({ items: Type.Array(SavedFilter) });

/** A rule that finds concerns. `filter`: its condition; null where the language cannot say it. */
export const RuleView = Type.Object({
  id: Type.String(),
  severity: Concern.properties.severity,
  /** Types of providers that it is asked of. */
  on: Type.Array(ProviderType),
  text: Type.String(),
  fix: Type.String(),
  filter: Maybe(Type.String()),
  own: Type.Boolean(),
  /** How many VMs have it now. */
  vms: Count,
});
export type RuleView = Type.Static<typeof RuleView>;
/** `problems`: what of the own rules is not taken, and why. */
export const RuleList = Type.Object({
  version: Type.String(),
  file: Type.String(),
  items: Type.Array(RuleView),
  problems: Type.Array(Type.String()),
});
export type RuleList = Type.Static<typeof RuleList>;
