/**
 * The tagging service of vCenter's REST API (there from 6.5 on), with a session of its own: kept, begun anew once when the server
 * has ended it, and ended when it is not needed any more.
 */
import { bytesOf, type HttpsRequest } from '../../net/https.ts';
import type { Session } from '../session.ts';

/** References of VMs by the id of the tag that is on them. */
export type Attached = ReadonlyMap<string, ReadonlySet<string>>;

/** It does not let us in, or there is none: asking again would change nothing, and might lock the account. */
export class TaggingRefused extends Error {}

class HttpStatus extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

const base = '/rest/com/vmware/cis';
const maxJson = 16 * 1024 * 1024;
const signOutMs = 5_000;

export class Tagging implements AsyncDisposable {
  readonly #session: Session;
  /** Its id is a secret. */
  #signedIn: Promise<string> | null = null;
  #refused = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Ids of the tags that this account may see. @throws TaggingRefused; Error for what may pass */
  async tags(signal: AbortSignal): Promise<string[]> {
    return listOf(await this.#ask({ method: 'GET', path: '/tagging/tag' }, signal), textOf);
  }

  /** Null for one that is gone or may not be read. @throws as `tags` */
  async nameOf(id: string, signal: AbortSignal): Promise<string | null> {
    try {
      const path = `/tagging/tag/id:${encodeURIComponent(id)}`;
      return textOf(fieldOf(await this.#ask({ method: 'GET', path }, signal), 'name'));
    } catch (error) {
      if (error instanceof HttpStatus && (error.status === 403 || error.status === 404)) return null;
      throw error;
    }
  }

  /** One question for all of them. A tag that the answer does not name is on nothing that we may see. @throws as `tags` */
  async attachedTo(ids: readonly string[], signal: AbortSignal): Promise<Attached> {
    const path = '/tagging/tag-association?~action=list-attached-objects-on-tags';
    const answer = await this.#ask({ method: 'POST', path, body: JSON.stringify({ tag_ids: ids }) }, signal);
    return new Map(listOf(answer, attachedOf));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const id = await this.#signedIn?.catch(() => null);
    if (typeof id !== 'string') return;
    const limit = AbortSignal.timeout(signOutMs);
    await this.#send({ method: 'DELETE', path: '/session' }, inSession(id), limit).catch(() => undefined);
  }

  async #ask(wanted: Wanted, signal: AbortSignal): Promise<unknown> {
    const used = (this.#signedIn ??= this.#signIn(signal));
    try {
      return await this.#send(wanted, inSession(await used), signal);
    } catch (error) {
      if (!isUnknownSession(error)) throw error;
    }
    // Several that see it end begin one.
    if (this.#signedIn === used) this.#signedIn = this.#signIn(signal);
    try {
      return await this.#send(wanted, inSession(await (this.#signedIn ??= this.#signIn(signal))), signal);
    } catch (error) {
      throw isUnknownSession(error) ? this.#refuse(error) : error;
    }
  }

  /** One try: a password that is wrong is not tried again, because that locks accounts. */
  async #signIn(signal: AbortSignal): Promise<string> {
    try {
      if (this.#refused) throw new TaggingRefused('it has refused before');
      const headers = { authorization: this.#session.basicAuthorization() };
      const id = textOf(await this.#send({ method: 'POST', path: '/session', body: '' }, headers, signal));
      if (id === null) throw new TaggingRefused('it has no sessions');
      return id;
    } catch (error) {
      this.#signedIn = null;
      throw error instanceof HttpStatus && isForGood(error.status) ? this.#refuse(error) : error;
    }
  }

  #refuse(cause: Error): TaggingRefused {
    this.#refused = true;
    return new TaggingRefused(cause.message, { cause });
  }

  async #send(wanted: Wanted, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<unknown> {
    const type = wanted.body === undefined ? {} : { 'content-type': 'application/json' };
    const request: HttpsRequest = {
      ...wanted,
      path: `${base}${wanted.path}`,
      headers: { ...headers, ...type },
      // All of them only ask, but for those that begin and end a session.
      repeatable: wanted.path !== '/session',
    };
    const answer = await this.#session.soap.https.send(request, signal);
    const text = (await bytesOf(answer, maxJson)).toString('utf8');
    if (answer.status !== 200) throw new HttpStatus(answer.status);
    return text === '' ? null : valueOf(JSON.parse(text));
  }
}

type Wanted = Pick<HttpsRequest, 'method' | 'path' | 'body'>;

function inSession(id: string): Record<string, string> {
  return { 'vmware-api-session-id': id };
}

function isUnknownSession(error: unknown): error is HttpStatus {
  return error instanceof HttpStatus && error.status === 401;
}

/** Of a sign-in: 408 and 429 pass, as do all that are the server's own fault. */
function isForGood(status: number): boolean {
  return status < 500 && status !== 408 && status !== 429;
}

function attachedOf(item: unknown): readonly [string, ReadonlySet<string>] | null {
  const id = textOf(fieldOf(item, 'tag_id'));
  return id === null ? null : [id, new Set(listOf(fieldOf(item, 'object_ids'), vmOf))];
}

function vmOf(item: unknown): string | null {
  return fieldOf(item, 'type') === 'VirtualMachine' ? textOf(fieldOf(item, 'id')) : null;
}

/** @throws Error for what is no list: nothing is taken for gone because of it. */
function listOf<T>(list: unknown, read: (item: unknown) => T | null): T[] {
  if (list === null || list === undefined) return [];
  if (!Array.isArray(list)) throw new Error('an answer that is no list');
  return list.map(read).filter((item) => item !== null);
}

function fieldOf(value: unknown, name: string): unknown {
  return value instanceof Object ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function valueOf(answer: unknown): unknown {
  return answer instanceof Object && 'value' in answer ? answer.value : answer;
}
