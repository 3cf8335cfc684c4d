/**
 * What the API shows of providers and their inventory. The console, the CLI and the OpenAPI document are built on these
 * schemas. Times are ISO 8601 in UTC, sizes bytes. Secrets go in and never come out: of them only the names are shown.
 */
import Type from 'typebox';
import { Concern } from '../model/concern.ts';
import { InventoryKind, InventoryObject, InventoryVm, Unreadable } from '../model/inventory.ts';
import { Fingerprint, ProviderAccount, ProviderType } from '../model/provider.ts';
import { StringEnum } from '../model/schema.ts';
import { ShownError } from '../model/shown-error.ts';

const Id = Type.String({ format: 'uuid' });
const Time = Type.String({ format: 'date-time' });
const Maybe = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Count = Type.Integer({ minimum: 0 });

/** One row of a check: what was looked at, whether it is well, and the way to mend it. */
export const CheckRow = Type.Object({
  what: Type.String(),
  ok: Type.Boolean(),
  detail: Type.String(),
  fix: Type.String(),
});

/** What a check found. `certificate`: what the system showed when it is not (or no longer) trusted; look at it and trust it. */
export const ProviderCheck = Type.Object({
  rows: Type.Array(CheckRow),
  /** Every row that a migration needs is well. */
  ok: Type.Boolean(),
  product: Type.String(),
  version: Type.String(),
  certificate: Maybe(
    Type.Object({
      shown: Type.String(),
      trusted: Maybe(Type.String()),
      subject: Type.String(),
      issuer: Type.String(),
      validFrom: Type.String(),
      validTo: Type.String(),
      names: Type.Array(Type.String()),
    }),
  ),
  /** The role to make there, ready to paste; empty where there is no such thing. */
  role: Type.String(),
});
export type ProviderCheck = Type.Static<typeof ProviderCheck>;

/**
 * `new`: a worker takes it up in a moment. `following`: all of it is known, changes come as they happen. `retrying`: it
 * goes on by itself at `retryAt`. `stopped`: it waits for somebody to change something; `error` says what.
 */
export const ProviderState = StringEnum(['new', 'connecting', 'reading', 'following', 'retrying', 'stopped']);
export type ProviderState = Type.Static<typeof ProviderState>;

export const ProviderCounts = Type.Object({
  datacenter: Count,
  folder: Count,
  cluster: Count,
  host: Count,
  'resource-pool': Count,
  network: Count,
  storage: Count,
  vm: Count,
});
export type ProviderCounts = Type.Static<typeof ProviderCounts>;

export const ProviderView = Type.Object({
  id: Id,
  name: Type.String(),
  type: ProviderType,
  account: ProviderAccount,
  /** Names of the secrets that are kept. */
  secrets: Type.Array(Type.String()),
  /** The worker that has to be used; null: the server chooses. */
  via: Maybe(Type.Object({ id: Id, name: Type.String() })),
  /** The worker that watches it now. */
  worker: Maybe(Type.Object({ id: Id, name: Type.String(), alive: Type.Boolean() })),
  state: ProviderState,
  error: Maybe(ShownError),
  retryAt: Maybe(Time),
  product: Type.String(),
  version: Type.String(),
  /** What the system calls itself, for good; null until it was connected to once. */
  systemId: Maybe(Type.String()),
  counts: ProviderCounts,
  /** Objects that are listed although they cannot be read. */
  unreadable: Count,
  /** VMs by the worst of their concerns. */
  concerns: Type.Object({ critical: Count, warning: Count, information: Count }),
  lastCheck: Maybe(ProviderCheck),
  lastCheckAt: Maybe(Time),
  /** When all of it was known for the last time. */
  syncedAt: Maybe(Time),
  /** When something of it was last told. */
  newsAt: Maybe(Time),
  createdBy: Type.String(),
  createdAt: Time,
  changedAt: Time,
});
export type ProviderView = Type.Static<typeof ProviderView>;
export const ProviderList = Type.Object({ items: Type.Array(ProviderView) });
export type ProviderList = Type.Static<typeof ProviderList>;

const Name = Type.String({ minLength: 1, maxLength: 100, pattern: '\\S' });
const SecretsGiven = Type.Record(Type.String(), Type.String({ maxLength: 65_536 }));

export const CreateProvider = Type.Object(
  {
    name: Name,
    account: ProviderAccount,
    /** By the names that the account's type has (password, privateKey, …). */
    secrets: Type.Optional(SecretsGiven),
    /** A worker's id. */
    via: Type.Optional(Maybe(Id)),
    /** False: save it as it is. Otherwise a check that fails refuses it. */
    check: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
export type CreateProvider = Type.Static<typeof CreateProvider>;

/** What is left out stays. A secret that is null is removed. A new address asks for all secrets anew. */
export const EditProvider = Type.Object(
  {
    name: Type.Optional(Name),
    account: Type.Optional(ProviderAccount),
    secrets: Type.Optional(Type.Record(Type.String(), Maybe(Type.String({ maxLength: 65_536 })))),
    via: Type.Optional(Maybe(Id)),
  },
  { additionalProperties: false },
);
export type EditProvider = Type.Static<typeof EditProvider>;

/** The fingerprint as it was shown: lower-case hex SHA-256 of a certificate, or `SHA256:…` of an ssh host key. */
export const TrustProvider = Type.Object(
  { fingerprint: Type.Union([Fingerprint, Type.String({ pattern: '^SHA256:[A-Za-z0-9+/]{43}$' })]) },
  { additionalProperties: false },
);
export type TrustProvider = Type.Static<typeof TrustProvider>;

/** A source that is not saved: given with the request and forgotten with its answer. */
export const UnsavedProvider = Type.Object(
  { account: ProviderAccount, secrets: Type.Optional(SecretsGiven), via: Type.Optional(Maybe(Id)) },
  { additionalProperties: false },
);
export type UnsavedProvider = Type.Static<typeof UnsavedProvider>;
export const UnsavedVm = Type.Object(
  { ...UnsavedProvider.properties, ref: Type.String({ minLength: 1, maxLength: 4096 }) },
  { additionalProperties: false },
);

/** `filter`: only VMs that it finds (docs/search.md); of the source as a provider the address is the name. */
export const BrowseProvider = Type.Object(
  { ...UnsavedProvider.properties, filter: Type.Optional(Type.String({ maxLength: 4_000 })) },
  { additionalProperties: false },
);

/** As a worker tells it. `truncated`: there is more than one answer can hold; save the provider to see all of it. */
export const FoundInventory = Type.Object({
  product: Type.String(),
  version: Type.String(),
  systemId: Type.String(),
  objects: Type.Array(InventoryObject),
  unreadable: Type.Array(Unreadable),
  truncated: Type.Boolean(),
});
export type FoundInventory = Type.Static<typeof FoundInventory>;

/** A concern as people read it. */
const ShownConcern = Type.Object({ ...Concern.properties, text: Type.String(), next: Type.String() });

/** All of an unsaved source, or the VMs that a filter finds. `concerns`: by the `ref` of a VM, worst first. */
export const UnsavedInventory = Type.Object({
  ...FoundInventory.properties,
  concerns: Type.Record(Type.String(), Type.Array(ShownConcern)),
});
export type UnsavedInventory = Type.Static<typeof UnsavedInventory>;

/** An object of a flat list; `data` depends on its kind (model/inventory.ts). */
export const ObjectView = Type.Object({
  id: Id,
  kind: InventoryKind,
  ref: Type.String(),
  name: Type.String(),
  parentRef: Maybe(Type.String()),
  data: Type.Record(Type.String(), Type.Unknown()),
});
export type ObjectView = Type.Static<typeof ObjectView>;
/** By id: renaming moves nothing between pages. `next` goes into `?after=` for the next page; null: this was the last. */
export const ObjectPage = Type.Object({ items: Type.Array(ObjectView), next: Maybe(Id) });
export type ObjectPage = Type.Static<typeof ObjectPage>;

/** A node above the VMs, parents before their children. `vms`: those that are directly in it, or on it. */
export const TreeNode = Type.Object({
  id: Id,
  kind: InventoryKind,
  ref: Type.String(),
  name: Type.String(),
  /** Null at the top. */
  parentId: Maybe(Id),
  vms: Count,
});
export type TreeNode = Type.Static<typeof TreeNode>;
export const ProviderTree = Type.Object({ items: Type.Array(TreeNode) });

/** A VM in full. `detailError`: why no more than a summary could be had just now. */
export const InventoryVmView = Type.Object({
  id: Id,
  ref: Type.String(),
  name: Type.String(),
  parentRef: Maybe(Type.String()),
  /** Null when the provider was removed. */
  provider: Maybe(Type.Object({ id: Id, name: Type.String(), type: ProviderType })),
  vm: InventoryVm,
  /** Worst first, as people read them. */
  concerns: Type.Array(ShownConcern),
  detailError: Maybe(ShownError),
  firstSeenAt: Time,
  changedAt: Time,
  /** Set when the source no longer has it. */
  goneAt: Maybe(Time),
});
export type InventoryVmView = Type.Static<typeof InventoryVmView>;

export const UnreadableView = Type.Object({ ref: Type.String(), name: Type.String(), error: ShownError, seenAt: Time });
export type UnreadableView = Type.Static<typeof UnreadableView>;
export const UnreadableList = Type.Object({ items: Type.Array(UnreadableView) });

export const RotateSecrets = Type.Object(
  {
    /** Drop what cannot be opened any more because its key is lost; its providers ask for their secrets again. */
    forgetLost: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
export const RotatedSecrets = Type.Object({
  keyId: Type.String(),
  /** How many secrets were sealed anew, and how many were dropped. */
  sealed: Count,
  forgotten: Count,
});
export type RotatedSecrets = Type.Static<typeof RotatedSecrets>;
