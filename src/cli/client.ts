/**
 * The API for the command line: JSON over the server's unix socket, or over HTTP(S) with a token. What the server refuses
 * becomes the `WherryError` that it was.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultHome } from '../defaults.ts';
import { homeAt } from '../home.ts';
import { catalogue, type ErrorCode, fromStored, WherryError } from '../model/errors.ts';
import { request as httpRequest } from '../process/node-http.ts';

export type ClientOptions = {
  /** Where the server is: a URL, or null for the unix socket in `home`. */
  readonly server: string | null;
  readonly token: string | null;
  readonly home: string;
  /** PEM file with the certificate of the server or of who signed it. */
  readonly caFile?: string | null;
  /** Called where there is no server at all: whether there is one now, and the same is to be asked of it. */
  readonly revive?: () => Promise<boolean>;
};

export type Call = {
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** Instead of `body`: bytes as they are. */
  readonly bytes?: { readonly content: Readable; readonly length: number };
  /** Milliseconds until an answer has to begin; default 60 s. */
  readonly timeoutMs?: number;
};

export type Client = {
  /** What errors name: the URL, or the path of the socket. */
  readonly server: string;
  get<T>(path: string, call?: Call): Promise<T>;
  /** Sends an Idempotency-Key; tries again when the answer got lost, for at most 30 s. */
  post<T>(path: string, body?: unknown, call?: Call): Promise<T>;
  /** Safe to send twice, as PUTs are. */
  put<T>(path: string, body: unknown, call?: Call): Promise<T>;
  patch<T>(path: string, body: unknown, call?: Call): Promise<T>;
  /** Bytes, by PUT. Tried once: they can be read once. */
  upload<T>(path: string, content: Readable, length: number, call?: Call): Promise<T>;
  delete(path: string, call?: Call): Promise<void>;
  /** The answer as text, whatever it is. */
  text(path: string, call?: Call): Promise<string>;
  /**
   * Calls `onMessage` for each message of the event stream until aborted, connecting again when it breaks; then, and
   * at the start, `{ kind: 'reload' }` says that something may have been missed.
   */
  stream(onMessage: (message: StreamMessage) => void, signal: AbortSignal): Promise<void>;
};

export type StreamMessage = { readonly kind: string; readonly id?: string; readonly event?: unknown };

const retryForMs = 30_000;
/** The other end writes and flushes what was sent before it answers. */
const uploadMs = 300_000;

/** What the environment says: WHERRY_SERVER, WHERRY_TOKEN, WHERRY_CA, WHERRY_HOME. */
export function clientOptions(flags: { server?: string; home?: string } = {}): ClientOptions {
  const { env } = process;
  return {
    server: flags.server ?? (env['WHERRY_SERVER'] || null),
    token: env['WHERRY_TOKEN'] || null,
    home: flags.home ?? (env['WHERRY_HOME'] || defaultHome()),
    caFile: env['WHERRY_CA'] || null,
  };
}

export function createClient(options: ClientOptions): Client {
  const { token, revive } = options;
  const to = destination(options);
  const send = (method: string, path: string, call: Call, headers: Record<string, string>): Promise<IncomingMessage> =>
    answerOf(to, method, `/api/v1${path}`, call, {
      accept: 'application/json',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    });
  const json = async <T>(
    method: string,
    path: string,
    call: Call = {},
    headers: Record<string, string> = {},
  ): Promise<T> => {
    const text = await textOf(await send(method, path, call, headers), to.name);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  };
  return {
    server: to.name,
    get: (path, call) => withServer(() => json('GET', path, call), revive),
    post: (path, body, call = {}) => {
      const headers = { 'idempotency-key': randomUUID() };
      return again(() => json('POST', path, { ...call, body: body ?? {} }, headers), call.signal, revive);
    },
    put: (path, body, call = {}) => again(() => json('PUT', path, { ...call, body }), call.signal, revive),
    patch: (path, body, call = {}) => json('PATCH', path, { ...call, body }),
    upload: (path, content, length, call = {}) =>
      json('PUT', path, { timeoutMs: uploadMs, ...call, bytes: { content, length } }),
    delete: (path, call) => json('DELETE', path, call),
    text: async (path, call = {}) => textOf(await send('GET', path, call, { accept: '*/*' }), to.name),
    stream: async (onMessage, signal) => {
      let last: string | undefined;
      while (!signal.aborted) {
        try {
          const headers: Record<string, string> = { accept: 'text/event-stream' };
          if (last !== undefined) headers['last-event-id'] = last;
          const answer = await send('GET', '/events/stream', { signal }, headers);
          if (answer.statusCode !== 200) await textOf(answer, to.name);
          onMessage({ kind: 'reload' });
          for await (const { id, message } of messages(answer)) {
            if (id !== undefined) last = id;
            onMessage(message);
          }
        } catch (error) {
          if (signal.aborted) return;
          if (error instanceof WherryError && !error.passing) throw error;
        }
        await sleep(500, undefined, { signal }).catch(() => undefined);
      }
    },
  };
}

type Destination = { readonly name: string; request(options: RequestOptions): ClientRequest };

function destination({ server, home, caFile }: ClientOptions): Destination {
  if (server === null) {
    const socketPath = homeAt(home).serverSocket;
    return { name: socketPath, request: (options) => httpRequest({ ...options, socketPath, host: 'wherry' }) };
  }
  if (!URL.canParse(server))
    throw new WherryError('server.config', { name: 'server', problem: `${server} is not a URL` });
  const url = new URL(server);
  const base = { host: url.hostname.replace(/^\[|\]$/g, ''), ...(url.port === '' ? {} : { port: url.port }) };
  if (url.protocol === 'http:') return { name: server, request: (options) => httpRequest({ ...base, ...options }) };
  const ca = caFile == null ? {} : { ca: readFileSync(caFile) };
  const { request } = process.getBuiltinModule('node:https'); // most commands need no TLS, which takes long to load
  return { name: server, request: (options) => request({ ...base, ...ca, ...options }) };
}

/** @throws client.unreachable */
function answerOf(
  to: Destination,
  method: string,
  path: string,
  { body, bytes: raw, signal, timeoutMs = 60_000 }: Call,
  headers: Record<string, string>,
): Promise<IncomingMessage> {
  const bytes = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const request = to.request({
      method,
      path,
      headers: {
        ...headers,
        ...(bytes === undefined ? {} : { 'content-type': 'application/json' }),
        ...(raw === undefined
          ? {}
          : { 'content-type': 'application/octet-stream', 'content-length': String(raw.length) }),
      },
      ...(signal === undefined ? {} : { signal }),
    });
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    request.on('response', (answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
    request.on('error', (error) => {
      clearTimeout(timer);
      reject(signal?.aborted === true ? error : new WherryError('client.unreachable', { server: to.name }, error));
    });
    if (raw === undefined) request.end(bytes);
    else {
      raw.content.on('error', (error) => request.destroy(error));
      raw.content.pipe(request);
      // An answer before all was sent is a refusal; the rest is not read either.
      request.once('close', () => raw.content.destroy());
    }
  });
}

/** @throws what the server's problem document says; client.answer when it is none; client.unreachable when it breaks off */
async function textOf(answer: IncomingMessage, server: string): Promise<string> {
  let text = '';
  try {
    for await (const part of answer.setEncoding('utf8')) text += String(part);
  } catch (error) {
    throw new WherryError('client.unreachable', { server }, error);
  }
  const status = answer.statusCode ?? 0;
  if (status >= 200 && status < 300) return text;
  throw problemError(text, status, server);
}

function problemError(text: string, status: number, server: string): WherryError {
  try {
    const problem: unknown = JSON.parse(text);
    if (typeof problem === 'object' && problem !== null && 'code' in problem && String(problem.code) in catalogue) {
      const { code, params, causes } = problem as { code: ErrorCode; params?: object; causes?: string[] };
      return fromStored({ code, params: { ...params } as Record<string, string>, causes: causes ?? [] });
    }
  } catch {
    // not JSON: something else answers there
  }
  return new WherryError('client.answer', { server, status }, new Error(text.slice(0, 200)));
}

type Revive = ClientOptions['revive'];

/** Also when the server goes away; asked again of one that is there instead. */
async function withServer<T>(work: () => Promise<T>, revive: Revive): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof WherryError) || !isAbsent(error) || (await revive?.()) !== true) throw error;
    }
  }
}

async function again<T>(work: () => Promise<T>, signal: AbortSignal | undefined, revive: Revive): Promise<T> {
  const deadline = performance.now() + retryForMs;
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 3_000)) {
    try {
      return await withServer(work, revive);
    } catch (error) {
      const isPassing = error instanceof WherryError && error.passing && !isAbsent(error);
      if (!isPassing || performance.now() > deadline) throw error;
      await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
    }
  }
}

/** There is no server at all, rather than one that went away while we asked: say so at once. */
function isAbsent({ cause }: WherryError): boolean {
  return cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED');
}

/** Server-sent events: fields up to an empty line; lines that begin with a colon are comments. */
async function* messages(answer: IncomingMessage): AsyncGenerator<{ id: string | undefined; message: StreamMessage }> {
  let rest = '';
  for await (const part of answer.setEncoding('utf8')) {
    const blocks = (rest + String(part)).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = block.split('\n').map((line) => /^(\w+): ?(.*)$/.exec(line));
      const data = fields.flatMap((field) => (field?.[1] === 'data' ? [field[2] ?? ''] : []));
      if (data.length === 0) continue;
      const id = fields.find((field) => field?.[1] === 'id')?.[2];
      yield { id, message: JSON.parse(data.join('\n')) as StreamMessage };
    }
  }
}
