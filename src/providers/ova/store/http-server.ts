/** A web server that holds OVAs: a page of links, and parts of files by Range (RFC 9110, 14). */
import type { IncomingMessage } from 'node:http';
import { createHash } from 'node:crypto';
import { WherryError } from '../../../model/errors.ts';
import type { OvaAccount, Secrets } from '../../../model/provider.ts';
import { Agent, request } from '../../../process/node-http.ts';
import type { RemoteFile } from '../../../transfer/disk.ts';
import type { LocalFile } from '../../local/local-file.ts';
import type { WebAddress } from './address.ts';
import { type At, networkError } from '../../net/errors.ts';
import { bytesOf, type HttpsAnswer, HttpsServer, returnable } from '../../net/https.ts';
import { byBlocks } from './blocks.ts';
import { turnsOf } from './turns.ts';

export type WebServer = Disposable & {
  /** The address as the user wrote it. */
  readonly system: string;
  /** The whole of a short answer. @throws provider.* */
  page(address: WebAddress, signal: AbortSignal): Promise<string>;
  /** A file that is read in parts; its `path` is what is shown of the address. @throws provider.*, provider.no_ranges */
  open(address: WebAddress, signal: AbortSignal): Promise<WebFile>;
};

/** `remote`: the same for whoever reads it long after it was opened. */
export type WebFile = LocalFile & {
  readonly remote: RemoteFile;
  /** The server says which version of the file it is: by a tag or a time. */
  readonly isSteady: boolean;
};

type Server = Disposable & Pick<HttpsServer, 'send'>;

const maxPageBytes = 4 * 2 ** 20;
const connections = 4;
const plainIdleMs = 60_000;

export function webServer({ location, username, trust }: OvaAccount, secrets: Secrets): WebServer {
  const base = new URL(location);
  const password = secrets['password'] ?? '';
  const basic = username === undefined ? undefined : Buffer.from(`${username}:${password}`).toString('base64');
  const headers: Record<string, string> = basic === undefined ? {} : { authorization: `Basic ${basic}` };
  const server: Server =
    base.protocol === 'https:' ? new HttpsServer(base, trust ?? { kind: 'system' }) : plainServer(base);
  const system = base.origin;
  const inTurn = turnsOf(connections);
  /** A refused password is sent no more, not even by those who wait here for their turn: each would be one more try. */
  const refused = new AbortController();
  const get = async (
    { url, shown }: WebAddress,
    more: Record<string, string>,
    wanted: number,
    signal: AbortSignal,
  ): Promise<HttpsAnswer> => {
    refused.signal.throwIfAborted();
    const path = `${url.pathname}${url.search}`;
    const all = { 'accept-encoding': 'identity', ...headers, ...more };
    const answer = await server.send(
      { method: 'GET', path, headers: all, repeatable: true },
      AbortSignal.any([signal, refused.signal]),
    );
    if (answer.status === wanted) return answer;
    await answer.chunks[Symbol.asyncIterator]().return?.();
    if (answer.status === 412) throw new WherryError('source.changed', { path: shown });
    const error = refusal(system, url, answer.status, username);
    if (answer.status === 401 && basic !== undefined) refused.abort(error);
    throw error;
  };
  return {
    system,
    page: (address, signal) =>
      inTurn(async () => {
        const answer = await get(address, {}, 200, signal);
        const bytes = await bytesOf(answer, maxPageBytes).catch((error: unknown) => {
          if (error instanceof WherryError || signal.aborted) throw error;
          const path = address.url.pathname;
          throw new WherryError('provider.http_status', { system, status: answer.status, path }, error);
        });
        return bytes.toString('utf8');
      }, signal),
    open: async (address, signal) => {
      const { url, shown } = address;
      const answer = await inTurn(async () => {
        const found = await get(address, { range: 'bytes=0-0' }, 206, signal);
        await bytesOf(found, 16);
        return found;
      }, signal);
      const size = Number(/^bytes 0-0\/(\d{1,15})$/.exec(answer.headers['content-range'] ?? '')?.[1] ?? Number.NaN);
      if (!Number.isSafeInteger(size)) throw new WherryError('provider.no_ranges', { system, path: url.pathname });
      const version = versionOf(answer.headers);
      const identity = createHash('sha256').update(`${version.etag}\n${version.modified}\n${size}`).digest('hex');
      // What a part was taken from must be what the other parts are taken from.
      const fetch = async (offset: number, length: number, during: AbortSignal): Promise<Buffer> => {
        const range = `bytes=${offset}-${offset + length - 1}`;
        const part = await get(address, { range, ...conditionOf(version) }, 206, during);
        const said = versionOf(part.headers);
        const isSame = said.etag === version.etag && said.modified === version.modified;
        if (!isSame || part.headers['content-range'] !== `bytes ${offset}-${offset + length - 1}/${size}`) {
          await part.chunks[Symbol.asyncIterator]().return?.();
          throw new WherryError('source.changed', { path: shown });
        }
        const bytes = await bytesOf(part, length);
        if (bytes.length !== length) throw new WherryError('provider.connection_lost', { system });
        return bytes;
      };
      const read = byBlocks(size, async (offset, length, during, onSending) => {
        let began = performance.now();
        try {
          return await inTurn(async () => {
            began = performance.now();
            onSending();
            return await fetch(offset, length, during);
          }, during);
        } catch (error) {
          if (!isTimeout(during.reason)) throw error;
          const seconds = Math.max(1, Math.round((performance.now() - began) / 1000));
          throw new WherryError('provider.hangs', { system, seconds }, error);
        }
      });
      return {
        path: shown,
        sizeBytes: size,
        identity,
        read: (offset, length) => read(offset, length, signal),
        remote: { sizeBytes: size, identity, read },
        isSteady: Object.keys(conditionOf(version)).length > 0,
        [Symbol.asyncDispose]: async () => undefined,
      };
    },
    [Symbol.dispose]: () => server[Symbol.dispose](),
  };
}

/** Of a wait that was bounded: the line is slow or dead just now, and nobody has given up. */
function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'TimeoutError';
}

type Version = { readonly etag: string; readonly modified: string };

function versionOf({ etag = '', 'last-modified': modified = '' }: HttpsAnswer['headers']): Version {
  return { etag, modified };
}

/** Weak tags (W/"…") are no promise of the same bytes (RFC 9110, 13.1.1): the time has to do then. */
function conditionOf({ etag, modified }: Version): Record<string, string> {
  if (etag.startsWith('"')) return { 'if-match': etag };
  return modified === '' ? {} : { 'if-unmodified-since': modified };
}

function refusal(system: string, url: URL, status: number, username: string | undefined): WherryError {
  if (status === 200) return new WherryError('provider.no_ranges', { system, path: url.pathname });
  if (status === 401) {
    return new WherryError('provider.sign_in_refused', { system, user: username ?? 'somebody without a name' });
  }
  if (status === 429 || status >= 500) return new WherryError('provider.busy', { system });
  return new WherryError('provider.http_status', { system, status, path: url.pathname });
}

function plainServer(base: URL): Server {
  const at = { system: base.origin, host: base.hostname.replace(/^\[|\]$/g, ''), port: Number(base.port || 80) };
  const agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'lifo' });
  const send: Server['send'] = (wanted, signal) =>
    new Promise((resolve, reject) => {
      const { method, path, headers = {} } = wanted;
      const sent = request({
        agent,
        host: at.host,
        port: at.port,
        method,
        path,
        headers,
        signal,
        timeout: plainIdleMs,
      });
      sent.on('timeout', () => sent.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
      sent.on('error', (error) => reject(signal.aborted ? signal.reason : networkError(error, at, 'connecting')));
      sent.on('response', (message) => {
        const chunks = returnable(message, chunksOf(message, at, signal));
        resolve({ status: message.statusCode ?? 0, headers: message.headers, chunks });
      });
      sent.end();
    });
  return { send, [Symbol.dispose]: () => agent.destroy() };
}

async function* chunksOf(message: IncomingMessage, at: At, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* message as AsyncIterable<Buffer>;
  } catch (error) {
    signal.throwIfAborted();
    throw networkError(error, at, 'answering');
  }
}
