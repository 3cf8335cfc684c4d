import { randomBytes, randomUUID } from 'node:crypto';
import type { Account } from './accounts.ts';
import { data, type Data } from '../values.ts';
import type { ManagedObject } from '../store/store.ts';

/** One who signed in. What it made for itself (views, filters, collectors) is nobody else's and goes with it. */
export type Session = {
  readonly key: string;
  /** The secret in the cookie; `key` may be shown. */
  readonly cookie: string;
  readonly account: Account;
  readonly userAgent: string;
  readonly ipAddress: string;
  readonly loginTime: number;
  lastActive: number;
  calls: number;
  /** Calls that are running: a session that waits is not idle. */
  busy: number;
  readonly objects: Map<string, ManagedObject>;
  /** Aborted when the session ends, whoever ends it. */
  readonly ended: AbortController;
};

export class Sessions {
  /** vCenter and ESXi: 30 minutes. */
  idleMs = 30 * 60_000;
  /** How many sign-ins succeeded in all. */
  opened = 0;
  readonly #byCookie = new Map<string, Session>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  open(account: Account, userAgent: string, ipAddress: string): Session {
    const session: Session = {
      key: `52${randomUUID().slice(2)}`,
      cookie: randomBytes(20).toString('hex'),
      account,
      userAgent,
      ipAddress,
      loginTime: this.#now(),
      lastActive: performance.now(),
      calls: 0,
      busy: 0,
      objects: new Map(),
      ended: new AbortController(),
    };
    this.#byCookie.set(session.cookie, session);
    this.opened += 1;
    return session;
  }

  /** The living session of a cookie; one that was idle for too long ends here. */
  find(cookie: string | null): Session | null {
    const session = cookie === null ? undefined : this.#byCookie.get(cookie);
    if (session === undefined) return null;
    if (session.busy === 0 && performance.now() - session.lastActive > this.idleMs) {
      this.end(session);
      return null;
    }
    session.lastActive = performance.now();
    return session;
  }

  byKey(key: string): Session | undefined {
    return this.all().find((session) => session.key === key);
  }

  all(): Session[] {
    return [...this.#byCookie.values()];
  }

  end(session: Session): void {
    this.#byCookie.delete(session.cookie);
    session.ended.abort();
  }

  /** As an administrator who ends all sessions, or a vCenter that is started again. */
  endAll(): void {
    for (const session of this.all()) this.end(session);
  }
}

export const showSession = (session: Session): Data =>
  data('UserSession', {
    key: session.key,
    userName: session.account.name,
    fullName: session.account.name,
    loginTime: new Date(session.loginTime).toISOString(),
    lastActiveTime: new Date(session.loginTime).toISOString(),
    locale: 'en',
    messageLocale: 'en',
    extensionSession: false,
    ipAddress: session.ipAddress,
    userAgent: session.userAgent,
    callCount: session.calls,
  });
