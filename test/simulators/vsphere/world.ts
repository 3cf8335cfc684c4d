/** All that one simulated vCenter or ESXi holds. Methods are functions of a call on it; the HTTP side only carries them. */
import type { Disks } from './disk/disks.ts';
import type { Leases } from './lease/leases.ts';
import type { Accounts } from './session/accounts.ts';
import type { Session, Sessions } from './session/sessions.ts';
import type { Tickets } from './session/tickets.ts';
import type { ManagedObject, Store } from './store/store.ts';
import type { Rules } from './tasks/rules.ts';
import type { Tasks } from './tasks/tasks.ts';
import type { Ref, Value } from './values.ts';
import type { Product } from './product.ts';

/** What a test may change while it runs. */
export type Settings = {
  /** Objects of one page, and of one update, where the caller asks for more or for no number: 100, as vCenter. */
  pageSize: number;
  /** How far the server's clock is ahead of the machine's. */
  clockSkewMs: number;
  /** How long a task takes that no rule says anything else of. */
  taskMs: number;
  /** How long removing a snapshot takes on top, and whether it leaves disks to be consolidated. */
  consolidationMs: number;
  consolidationFails: boolean;
  /** How long a guest takes to shut down; null: it never does. */
  shutdownMs: number | null;
  /** Areas and bytes that one answer of QueryChangedDiskAreas describes at most. */
  areasPerAnswer: number;
  bytesPerAnswer: number;
  leaseTimeoutSeconds: number;
  /** How long a task is remembered after it ended: 10 minutes, as vCenter. */
  taskMemoryMs: number;
};

export type World = {
  readonly product: Product;
  readonly store: Store;
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly tickets: Tickets;
  readonly rules: Rules;
  readonly tasks: Tasks;
  readonly disks: Disks;
  readonly leases: Leases;
  readonly settings: Settings;
  /** Milliseconds of the epoch, by the server's own clock. */
  now: () => number;
  /** `https://host:port` as the server itself writes it. */
  address: () => string;
  /** SHA-1 of its certificate, with colons, as vSphere writes it. */
  thumbprint: () => string;
  /** A new managed object id: `vm-1001`, `task-1002`. */
  newId: (prefix: string) => string;
};

/** One call of a method, with what it was given. `session` is missing only where none is needed. */
export type Call = {
  readonly world: World;
  readonly method: string;
  readonly self: ManagedObject;
  readonly args: Readonly<Record<string, Value>>;
  readonly session: Session | null;
  /** Aborted when the caller went away or the session ended. */
  readonly signal: AbortSignal;
  readonly userAgent: string;
  readonly ipAddress: string;
};

/** A result: a value, nothing, and for those that sign in or out what becomes of the cookie. */
export type Answer = { readonly value?: Value | undefined; readonly session?: Session | null };

export type Handler = (call: Call & { readonly session: Session }) => Answer | Promise<Answer>;

export const nothing: Answer = {};
export const answer = (value: Value | undefined): Answer => ({ value });

/** Session objects are seen by their session only. */
export function findObject(world: World, session: Session | null, ref: Ref): ManagedObject | undefined {
  const own = session?.objects.get(ref.value);
  return own !== undefined && own.ref.type === ref.type ? own : world.store.find(ref);
}
