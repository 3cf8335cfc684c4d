/**
 * SOAP over HTTPS as vim25 speaks it: a call is one POST, an answer one envelope, a fault an envelope with status 500.
 * Everything below the envelope comes from the table.
 */
import { setImmediate } from 'node:timers/promises';
import { WherryError } from '../../../model/errors.ts';
import { hold, type HttpsAnswer, type HttpsServer } from '../../net/https.ts';
import { decodeNamed, decodeObject, FormatError } from './decode.ts';
import { encodeCall } from './encode.ts';
import {
  isTypeName,
  isSubtype,
  methods,
  type MethodInput,
  type MethodName,
  type MethodResult,
  type Ref,
  type Vim,
} from './schema.ts';
import { childOf, XmlError, XmlReader, type Split, type XmlNode } from './xml-reader.ts';

/** A fault that vSphere answered with. `name` is its type on the wire: NotAuthenticated, InvalidLogin, … */
export class VimFault extends Error {
  readonly fault: Vim<'MethodFault'>;

  constructor(fault: Vim<'MethodFault'>, message: string) {
    const own = fault._type === 'MethodFault' ? '' : fault._type;
    super([own, message].filter((part) => part !== '').join(': ') || 'a fault without words');
    this.name = fault._type;
    this.fault = fault;
  }

  is(type: string): boolean {
    return this.fault._type === type || isSubtype(this.fault._type, type);
  }
}

export type CallOptions = {
  readonly signal: AbortSignal;
  /** For a long poll. */
  readonly idleMs?: number;
};

/** What has begun to be answered. */
export type Answer<T> = {
  /** Nothing of it is still on its way. */
  readonly isHere: boolean;
  /** What `stream` yields and returns; once. */
  read(): AsyncGenerator<readonly T[], XmlNode>;
};

const maxCookie = 4096;
/** Bytes of an answer that are taken before anybody reads them: 250 VMs as vcsim tells them are 2.6 MB. */
const mostHeld = 8 * 1024 * 1024;

export class SoapClient implements Disposable {
  readonly #https: HttpsServer;
  #cookie: string | null = null;
  /** The API's version that is asked for, as "urn:vim25/8.0.1.0"; the server answers in its terms. */
  version = '';

  constructor(https: HttpsServer) {
    this.#https = https;
  }

  get system(): string {
    return this.#https.system;
  }

  get https(): HttpsServer {
    return this.#https;
  }

  forgetSession(): void {
    this.#cookie = null;
  }

  /** @throws VimFault, and provider.* for everything between us and vSphere. */
  async call<M extends MethodName>(
    method: M,
    self: Ref,
    input: MethodInput<M>,
    options: CallOptions,
  ): Promise<MethodResult<M>> {
    const answer = this.stream(method, self, input, null, options);
    for (let step = await answer.next(); ; step = await answer.next()) {
      if (step.done === true) return this.#result(method, step.value);
    }
  }

  /**
   * The same for an answer that may be long: yields what was read of the elements named by `split` as they arrive, some at a
   * time, and returns the rest of the answer, without them.
   */
  async *stream<M extends MethodName, T = never>(
    method: M,
    self: Ref,
    input: MethodInput<M>,
    split: Split<T> | null,
    options: CallOptions,
  ): AsyncGenerator<readonly T[], XmlNode> {
    const answer = await this.ask(method, self, input, split, options);
    return yield* answer.read();
  }

  /**
   * The same in two steps. Resolves when the answer is here, or so much of it as may be held: whoever asks the next question
   * before he reads has two things done at once.
   */
  async ask<M extends MethodName, T = never>(
    method: M,
    self: Ref,
    input: MethodInput<M>,
    split: Split<T> | null,
    { signal, idleMs }: CallOptions,
  ): Promise<Answer<T>> {
    const answer = await this.#https.send(
      {
        method: 'POST',
        path: '/sdk',
        headers: {
          'content-type': 'text/xml; charset="utf-8"',
          soapaction: `"urn:vim25${this.version === '' ? '' : `/${this.version}`}"`,
          ...(this.#cookie === null ? {} : { cookie: this.#cookie }),
        },
        body: envelope(encodeCall(method, self, input)),
        ...(idleMs === undefined ? {} : { idleMs }),
        repeatable: /^(Retrieve|WaitForUpdates|HasPrivilege|FetchUser|Query|CurrentTime|Find)/.test(method),
      },
      signal,
    );
    if (answer.status !== 200 && answer.status !== 500) throw await refused(answer, this.system);
    this.#keepCookie(answer);
    const held = await hold(answer, mostHeld);
    return { isHere: held.isAll, read: () => this.#read(method, held.chunks, answer.status === 200 ? split : null) };
  }

  async *#read<T>(
    method: MethodName,
    chunks: AsyncIterable<Uint8Array>,
    split: Split<T> | null,
  ): AsyncGenerator<readonly T[], XmlNode> {
    const reader = new XmlReader(split);
    let root: XmlNode;
    try {
      for await (const chunk of chunks) {
        reader.write(chunk);
        const ready = reader.take();
        if (ready.length === 0) continue;
        yield ready;
        // What comes meanwhile is taken off the wire.
        await setImmediate();
      }
      root = reader.close();
      const ready = reader.take();
      if (ready.length > 0) yield ready;
    } catch (error) {
      throw unreadable(error, this.system);
    }
    const body = childOf(root, 'Body');
    const fault = body === undefined ? undefined : childOf(body, 'Fault');
    if (fault !== undefined) throw faultOf(fault);
    const response = body?.children.find(({ name }) => name === `${method}Response`);
    if (response === undefined) throw broken(this.system, `it holds no ${method}Response`);
    return response;
  }

  [Symbol.dispose](): void {
    this.#https[Symbol.dispose]();
  }

  #result<M extends MethodName>(method: M, response: XmlNode): MethodResult<M> {
    const notation: string = methods[method].returns;
    if (notation === '') return undefined as MethodResult<M>;
    try {
      return decodeNamed(response, 'returnval', notation) as MethodResult<M>;
    } catch (error) {
      throw unreadable(error, this.system);
    }
  }

  #keepCookie({ headers }: HttpsAnswer): void {
    for (const cookie of headers['set-cookie'] ?? []) {
      const [pair = ''] = cookie.split(';');
      if (pair.startsWith('vmware_soap_session=') && pair.length <= maxCookie) this.#cookie = pair;
    }
  }
}

/** What is wrong with an answer that could not be read, in the words of the catalogue. */
export function unreadable(error: unknown, system: string): unknown {
  if (error instanceof XmlError || error instanceof FormatError) return broken(system, error.message, error);
  return error;
}

function broken(system: string, what: string, cause?: unknown): WherryError {
  return new WherryError('provider.answer_broken', { system, what }, cause);
}

/** An answer that no vSphere gives to a call: a proxy's, or a vCenter that is starting. */
async function refused(answer: HttpsAnswer, system: string): Promise<Error> {
  const words = await someOf(answer);
  switch (answer.status) {
    case 401:
      return new VimFault({ _type: 'NotAuthenticated', faultMessage: [] }, words);
    case 429:
    case 502:
    case 503:
    case 504:
      return new WherryError('provider.busy', { system }, new Error(`HTTP ${answer.status}: ${words}`));
    default:
      return broken(system, `HTTP status ${answer.status}`, words === '' ? undefined : new Error(words));
  }
}

/** The first of what a server says, to be shown as its words. */
export async function someOf({ chunks }: HttpsAnswer): Promise<string> {
  let text = '';
  for await (const chunk of chunks) {
    text += Buffer.from(chunk).toString('utf8');
    if (text.length > 500) break;
  }
  return text
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300);
}

function faultOf(node: XmlNode): VimFault {
  const message = (childOf(node, 'faultstring')?.text ?? '').slice(0, 2_000);
  const detail = childOf(node, 'detail')?.children[0];
  if (detail === undefined) return new VimFault({ _type: 'MethodFault', faultMessage: [] }, message);
  // vCenter names the type in xsi:type; others only in the element, as InvalidLoginFault.
  const named = detail.type === '' ? detail.name.replace(/Fault$/, '') : detail.type;
  try {
    const type = isTypeName(named) && isSubtype(named, 'MethodFault') ? named : 'MethodFault';
    // A fault of any kind is one; what it adds is kept.
    const fault = decodeObject({ ...detail, type: '' }, type as 'MethodFault');
    return new VimFault({ ...fault, _type: named }, message);
  } catch {
    return new VimFault({ _type: named, faultMessage: [] }, message);
  }
}

/** What a call is sent in. */
export function envelope(body: string): string {
  return (
    '<?xml version="1.0" encoding="UTF-8"?>' +
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"' +
    ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">' +
    `<soapenv:Body>${body}</soapenv:Body></soapenv:Envelope>`
  );
}
