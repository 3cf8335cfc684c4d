/**
 * An HTTPS server of a provider: few connections, kept alive, each judged by `Trust` before it carries anything, every
 * wait bounded. Answers come as streams; a stream that stalls or breaks ends with an error of the catalogue.
 */
import { Agent, request, type AgentOptions } from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WherryError } from '../../model/errors.ts';
import type { Trust } from '../../model/provider.ts';
import { codeOf, networkError, type At } from './errors.ts';
import { handshake } from './trust.ts';

export type HttpsLimits = {
  /** Until the handshake is through, in ms. */
  readonly connectMs: number;
  /** Until the first or the next byte of an answer, in ms. */
  readonly idleMs: number;
  readonly connections: number;
};
export const usualLimits: HttpsLimits = { connectMs: 15_000, idleMs: 60_000, connections: 4 };

/** For what waits in an agent's queue, in ms: longer than anything in front of it takes. */
const queuedMs = 600_000;

export type HttpsRequest = {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'HEAD';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Longer than usual: a long poll. */
  readonly idleMs?: number;
  /** May be sent again when a kept connection turns out to be dead. */
  readonly repeatable: boolean;
};

export type HttpsAnswer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** To be read to its end or returned from, which gives the connection up. */
  readonly chunks: AsyncIterable<Uint8Array>;
};

export class HttpsServer implements Disposable {
  readonly #at: At;
  readonly #limits: HttpsLimits;
  readonly #agent: Agent;

  constructor(url: URL, trust: Trust, limits: HttpsLimits = usualLimits) {
    this.#at = serverOf(url);
    this.#limits = limits;
    this.#agent = new JudgingAgent(this.#at, trust, limits);
  }

  /** The address as the user wrote it, for errors. */
  get system(): string {
    return this.#at.system;
  }

  /** @throws provider.name_unknown, unreachable, hangs, connection_lost, certificate_*, not_such_a_system */
  async send(wanted: HttpsRequest, signal: AbortSignal): Promise<HttpsAnswer> {
    try {
      return await this.#once(wanted, signal);
    } catch (error) {
      if (!wanted.repeatable || !(error instanceof StaleConnection)) throw plain(error, this.#at);
      return await this.#once(wanted, signal).catch((again: unknown) => {
        throw plain(again, this.#at);
      });
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #once(wanted: HttpsRequest, signal: AbortSignal): Promise<HttpsAnswer> {
    signal.throwIfAborted();
    const idleMs = wanted.idleMs ?? this.#limits.idleMs;
    const at = this.#at;
    return new Promise((resolve, reject) => {
      const sent = request({
        agent: this.#agent,
        host: at.host,
        port: at.port,
        method: wanted.method,
        path: wanted.path,
        headers: {
          'user-agent': 'wherry',
          ...wanted.headers,
          ...(wanted.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(wanted.body)) }),
        },
        maxHeaderSize: 65_536,
      });
      let timer: NodeJS.Timeout | undefined;
      let over = false;
      const abort = (): void => {
        over = true;
        clearTimeout(timer);
        sent.destroy();
        reject(signal.reason);
      };
      signal.addEventListener('abort', abort, { once: true });
      let answered = false;
      const within = (ms: number): void => {
        timer = setTimeout(() => {
          reject(hangs(at, ms));
          sent.destroy();
        }, ms);
      };
      // Until it has a connection it waits behind others, or for a handshake, which is bounded by itself. Node forgets some
      // that wait when a server has died (seen), so that has an end too.
      within(queuedMs);
      sent.once('socket', () => {
        clearTimeout(timer);
        if (!over) within(idleMs);
      });
      const settled = (): void => {
        over = true;
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
      };
      sent.once('response', (message) => {
        answered = true;
        settled();
        resolve({
          status: message.statusCode ?? 0,
          headers: message.headers,
          chunks: returnable(message, chunksOf(message, idleMs, at, signal)),
        });
      });
      // Once there is an answer, its stream tells of errors.
      sent.on('error', (error) => {
        settled();
        if (answered) return;
        const stale = sent.reusedSocket && codeOf(error) === 'ECONNRESET';
        reject(stale ? new StaleConnection(error) : error instanceof WherryError ? error : new BeforeAnswer(error));
      });
      sent.end(wanted.body);
    });
  }
}

/** Host and port of an https URL, IPv6 addresses without their brackets. */
export function serverOf(url: URL): At {
  return {
    system: url.origin,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 443 : Number(url.port),
  };
}

/** The whole of a short answer. @throws an Error when it is longer. */
export async function bytesOf({ chunks }: HttpsAnswer, max: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > max) throw new Error(`the answer is longer than ${max} bytes`);
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

/**
 * Takes an answer off the wire before anybody reads it, up to so many bytes. @returns what it was and what still comes; all of
 * it when nothing does
 */
export async function hold(
  { chunks }: HttpsAnswer,
  most: number,
): Promise<{ readonly isAll: boolean; readonly chunks: AsyncIterable<Uint8Array> }> {
  const rest = chunks[Symbol.asyncIterator]();
  const held: Uint8Array[] = [];
  let isAll = false;
  for (let size = 0; !isAll && size < most; ) {
    const { done, value } = await rest.next();
    if (done === true) isAll = true;
    else {
      held.push(value);
      size += value.length;
    }
  }
  return {
    isAll,
    chunks: (async function* () {
      try {
        for (let chunk = held.shift(); chunk !== undefined; chunk = held.shift()) yield chunk;
        for (let step = await rest.next(); step.done !== true; step = await rest.next()) yield step.value;
      } finally {
        await rest.return?.();
      }
    })(),
  };
}

/** A kept connection was closed by the server before it heard the request. */
class StaleConnection extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}
class BeforeAnswer extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

function plain(error: unknown, at: At): unknown {
  if (error instanceof StaleConnection) return networkError(error.cause, at, 'answering');
  if (error instanceof BeforeAnswer) {
    // A socket that was connected and closed without a word is a lost connection, not a closed port.
    const closed = codeOf(error.cause) === 'ECONNRESET';
    return networkError(error.cause, at, closed ? 'answering' : 'connecting');
  }
  return error;
}

function hangs({ system }: At, ms: number): WherryError {
  return new WherryError('provider.hangs', { system, seconds: Math.max(1, Math.round(ms / 1000)) });
}

/**
 * A generator that was never begun ends without its `finally`: one who takes nothing of an answer would hold its connection for
 * ever, and a few of those are all there are.
 */
export function returnable(message: IncomingMessage, chunks: AsyncGenerator<Uint8Array>): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => chunks.next(),
      return: () => {
        if (!message.readableEnded) message.destroy();
        return chunks.return(undefined);
      },
    }),
  };
}

async function* chunksOf(
  message: IncomingMessage,
  idleMs: number,
  at: At,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let stalled = false;
  const abort = (): void => {
    message.destroy();
  };
  signal.addEventListener('abort', abort, { once: true });
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    timer = setTimeout(() => {
      stalled = true;
      message.destroy();
    }, idleMs);
  };
  try {
    wait();
    for await (const chunk of message as AsyncIterable<Buffer>) {
      // What the reader takes for itself is not the server's silence, however long it is.
      clearTimeout(timer);
      yield chunk;
      wait();
    }
    if (!message.complete) throw new Error('the answer ended early');
  } catch (error) {
    signal.throwIfAborted();
    throw stalled ? hangs(at, idleMs) : networkError(error, at, 'answering');
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    if (!message.complete) message.destroy();
  }
}

class JudgingAgent extends Agent {
  readonly #at: At;
  readonly #trust: Trust;
  readonly #connectMs: number;

  constructor(at: At, trust: Trust, limits: HttpsLimits) {
    const options: AgentOptions = { keepAlive: true, maxSockets: limits.connections, scheduling: 'lifo' };
    super(options);
    this.#at = at;
    this.#trust = trust;
    this.#connectMs = limits.connectMs;
  }

  override createConnection(_options: unknown, callback?: (error: Error | null, stream: Duplex) => void): null {
    const limit = AbortSignal.timeout(this.#connectMs);
    handshake(this.#at, this.#trust, limit).then(
      ({ socket, problem }) => {
        if (problem === null) callback?.(null, socket);
        else {
          socket.destroy();
          this.#refuse(problem, callback);
        }
      },
      (error: unknown) => {
        const failed = limit.aborted ? hangs(this.#at, this.#connectMs) : error;
        this.#refuse(failed instanceof Error ? failed : new Error(String(failed)), callback);
      },
    );
    return null;
  }

  #refuse(error: Error, callback?: (error: Error | null, stream: Duplex) => void): void {
    // The types want a stream beside the error; Node does not look at it.
    (callback as ((error: Error) => void) | undefined)?.(error);
  }
}
