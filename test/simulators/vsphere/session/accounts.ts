/** Who may sign in, what they may do, and how often each was tried: a client that tries a wrong password twice is seen. */

/** All that a migration needs and a few more; `all` of an account means every one of the world. */
export type Privileges = 'all' | ReadonlySet<string>;

export type Account = {
  readonly name: string;
  password: string;
  privileges: Privileges;
  /** Every attempt to sign in, and those that failed since the last that succeeded. */
  attempts: number;
  failures: number;
  locked: boolean;
};

/** vCenter's own default: locked after five failures in a row. */
const lockAfter = 5;

export class Accounts {
  readonly #accounts = new Map<string, Account>();

  add(name: string, password: string, privileges: Privileges = 'all'): Account {
    const account = { name, password, privileges, attempts: 0, failures: 0, locked: false };
    this.#accounts.set(name.toLowerCase(), account);
    return account;
  }

  find(name: string): Account | undefined {
    return this.#accounts.get(name.toLowerCase());
  }

  /** The account, or null: unknown, wrong, or locked, which nobody is told apart. */
  signIn(name: string, password: string): Account | null {
    const account = this.find(name);
    if (account === undefined) return null;
    account.attempts += 1;
    if (account.locked) return null;
    if (account.password === password) {
      account.failures = 0;
      return account;
    }
    account.failures += 1;
    account.locked = account.failures >= lockAfter;
    return null;
  }
}

export const mayDo = (account: Account, privilege: string): boolean =>
  account.privileges === 'all' || privilege.startsWith('System.') || account.privileges.has(privilege);
