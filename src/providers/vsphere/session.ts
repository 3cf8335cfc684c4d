/**
 * Signed in at a vCenter or ESXi host. The session is kept, started anew once when the server has ended it, and always
 * signed out: orphans live on for half an hour, and a vCenter has room for 3,000.
 */
import { WherryError } from '../../model/errors.ts';
import type { VsphereAccount } from '../../model/provider.ts';
import { HttpsServer, usualLimits, type HttpsLimits } from '../net/https.ts';
import { negotiateVersion, compareVersions, oldestSupported } from './version.ts';
import type { MethodInput, MethodName, MethodResult, Ref, Vim } from './vim25/schema.ts';
import { SoapClient, VimFault, type Answer, type CallOptions } from './vim25/soap.ts';
import type { Split, XmlNode } from './vim25/xml-reader.ts';

const serviceInstance: Ref = { type: 'ServiceInstance', value: 'ServiceInstance' };
const signOutMs = 5_000;

export class Session implements AsyncDisposable {
  readonly #soap: SoapClient;
  readonly #account: VsphereAccount;
  readonly #password: string;
  readonly content: Vim<'ServiceContent'>;
  #signedIn: Promise<Vim<'UserSession'>>;
  /** Counts sign-ins: what was made in an earlier one (views, filters) is gone. */
  generation = 0;
  /** The password is wrong by now: it is not tried again. */
  #refused = false;

  private constructor(
    soap: SoapClient,
    account: VsphereAccount,
    password: string,
    content: Vim<'ServiceContent'>,
    user: Vim<'UserSession'>,
  ) {
    this.#soap = soap;
    this.#account = account;
    this.#password = password;
    this.content = content;
    this.#signedIn = Promise.resolve(user);
  }

  /** @throws provider.* : reached, trusted, of a version that is supported, and let in; or why not. */
  static async open(
    account: VsphereAccount,
    password: string | undefined,
    signal: AbortSignal,
    limits: HttpsLimits = usualLimits,
  ): Promise<Session> {
    const https = new HttpsServer(new URL(account.url), account.trust, limits);
    try {
      if (password === undefined || password === '') {
        throw new WherryError('provider.secret_missing', { system: https.system, secret: 'password' });
      }
      const soap = new SoapClient(https);
      soap.version = await negotiateVersion(https, signal);
      const content = await soap.call('RetrieveServiceContent', serviceInstance, {}, { signal });
      const { apiVersion } = content.about;
      if (compareVersions(apiVersion, oldestSupported) < 0) {
        const version = content.about.fullName;
        throw new WherryError('provider.version_unsupported', {
          system: https.system,
          version,
          oldest: oldestSupported,
        });
      }
      const user = await signIn(soap, content, account.username, password, signal);
      return new Session(soap, account, password, content, user);
    } catch (error) {
      https[Symbol.dispose]();
      throw wherryError(error, https.system, 'the connection');
    }
  }

  get system(): string {
    return this.#soap.system;
  }

  get soap(): SoapClient {
    return this.#soap;
  }

  /** The session as vSphere knows it. Its key names it and is a secret. */
  user(): Promise<Vim<'UserSession'>> {
    return this.#signedIn;
  }

  /** One call; signs in again once when the session was ended. @throws VimFault for any other fault. */
  async call<M extends MethodName>(
    method: M,
    self: Ref,
    input: MethodInput<M>,
    options: CallOptions,
  ): Promise<MethodResult<M>> {
    const { generation } = this;
    try {
      return await this.#soap.call(method, self, input, options);
    } catch (error) {
      if (!isSignedOut(error)) throw error;
      await this.signInAgain(generation, options.signal);
      return await this.#soap.call(method, self, input, options);
    }
  }

  /** Like `SoapClient.stream`. What it reads from belongs to the session, so nothing is repeated when that has ended. */
  stream<M extends MethodName, T>(
    method: M,
    self: Ref,
    input: MethodInput<M>,
    split: Split<T>,
    options: CallOptions,
  ): AsyncGenerator<readonly T[], XmlNode> {
    return this.#soap.stream(method, self, input, split, options);
  }

  /** Like `SoapClient.ask`. */
  ask<M extends MethodName, T>(
    method: M,
    self: Ref,
    input: MethodInput<M>,
    split: Split<T>,
    options: CallOptions,
  ): Promise<Answer<T>> {
    return this.#soap.ask(method, self, input, split, options);
  }

  /** For vCenter's REST API, which has sessions of its own. A secret. */
  basicAuthorization(): string {
    return `Basic ${Buffer.from(`${this.#account.username}:${this.#password}`, 'utf8').toString('base64')}`;
  }

  /** For whoever saw the session of `generation` end; several at once sign in once. @throws provider.sign_in_refused */
  async signInAgain(generation: number, signal: AbortSignal): Promise<void> {
    if (generation === this.generation && !this.#refused) {
      this.generation += 1;
      this.#soap.forgetSession();
      this.#signedIn = signIn(this.#soap, this.content, this.#account.username, this.#password, signal).catch(
        (error: unknown) => {
          this.#refused = error instanceof WherryError && error.code === 'provider.sign_in_refused';
          throw error;
        },
      );
    }
    await this.#signedIn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const manager = this.content.sessionManager;
    try {
      await this.#signedIn;
      // Whoever was signed in is to be signed out whatever else was given up.
      if (manager !== undefined) {
        await this.#soap.call('Logout', manager, {}, { signal: AbortSignal.timeout(signOutMs), idleMs: signOutMs });
      }
    } catch {
      // A server that is gone, or that ended the session itself, has nothing left to end.
    } finally {
      this.#soap[Symbol.dispose]();
    }
  }
}

export function isSignedOut(error: unknown): error is VimFault {
  return error instanceof VimFault && error.is('NotAuthenticated');
}

/** What a fault means to the person who has to do something about it. Anything else goes through unchanged. */
export function wherryError(error: unknown, system: string, operation: string): unknown {
  if (!(error instanceof VimFault)) return error;
  if (isSignedOut(error)) return new WherryError('provider.session_ended', { system }, error);
  return new WherryError('provider.refused', { system, operation }, error);
}

/** One try: a password that is wrong is not tried again, because that locks accounts. */
async function signIn(
  soap: SoapClient,
  content: Vim<'ServiceContent'>,
  userName: string,
  password: string,
  signal: AbortSignal,
): Promise<Vim<'UserSession'>> {
  const { system } = soap;
  const manager = content.sessionManager;
  if (manager === undefined) {
    throw new WherryError('provider.not_such_a_system', { system, expected: 'vSphere', found: 'it has no sessions' });
  }
  try {
    return await soap.call('Login', manager, { userName, password }, { signal });
  } catch (error) {
    if (error instanceof VimFault && (error.is('InvalidLogin') || error.is('NoPermission'))) {
      throw new WherryError('provider.sign_in_refused', { system, user: userName }, error);
    }
    throw error;
  }
}
