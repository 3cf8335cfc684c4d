/**
 * The worker's side of the wire: JSON over HTTP, on the server's unix socket or over HTTPS with the worker's token.
 *
 * `ask` is one try. `insist` goes on until the server has answered, because a server that is away must cost nothing but
 * time: what we have to say stays true. Only an answer that says no (4xx) ends it.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { readFile } from 'node:fs/promises';
import { type ErrorCode, type ErrorParams, WherryError, catalogue } from '../model/errors.ts';
import { Agent, request as httpRequest } from '../process/node-http.ts';

export type ServerAddress =
  | { readonly socketPath: string }
  | {
      /** https://host:port */
      readonly url: string;
      /** PEM of the authority that signed the server's certificate; the system's when absent. */
      readonly caFile?: string;
      readonly tokenFile: string;
    };

export type Link = {
  /** @param body a string is JSON already */
  ask<T>(path: string, body: unknown, signal: AbortSignal, timeoutMs?: number): Promise<T>;
  insist<T>(path: string, body: unknown, signal: AbortSignal): Promise<T>;
  /** An answer that is no JSON, as it comes; one try. @throws what the server refused it with */
  stream(path: string, body: unknown, signal: AbortSignal): AsyncIterable<Uint8Array>;
  close(): void;
};

/** The server gave no answer (refused, reset, timed out, 5xx): say it again. */
class NoAnswer extends Error {}

type Send = (path: string, body: string, signal: AbortSignal, timeoutMs: number) => Promise<IncomingMessage>;

const maxAnswerBytes = 64 * 1024 * 1024;

/** A server that is away is worth a line when it begins, and every so often while it lasts. */
const sayEvery = 30;

/**
 * @param away told why there is no answer, when a silence begins and now and then while it lasts
 * @throws worker.address, worker.file_unreadable
 */
export async function connectLink(address: ServerAddress, away: (why: string) => void = () => {}): Promise<Link> {
  const { send, close } = await transport(address);
  let met = false;
  const ask = async <T>(path: string, body: unknown, signal: AbortSignal, timeoutMs = 30_000): Promise<T> => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await send(`/api/v1/worker/${path}`, text, signal, timeoutMs);
    const said = await textOf(answer);
    met = true;
    const status = answer.statusCode ?? 0;
    if (status >= 500 || status === 429) throw new NoAnswer(`status ${status}`);
    const parsed = parsedAnswer(said, status);
    if (status >= 400) throw refusal(status, parsed);
    return parsed as T;
  };
  const stream = async function* (path: string, body: unknown, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const answer = await send(`/api/v1/worker/${path}`, JSON.stringify(body), signal, 60_000);
    const status = answer.statusCode ?? 0;
    if (status >= 400) throw refusal(status, parsedAnswer(await textOf(answer), status));
    for await (const chunk of answer as AsyncIterable<Buffer>) yield chunk;
  };
  const insist = async <T>(path: string, body: unknown, signal: AbortSignal): Promise<T> => {
    for (let wait = 50, tries = 0; ; wait = Math.min(wait * 2, 2_000), tries += 1) {
      signal.throwIfAborted();
      try {
        return await ask<T>(path, body, signal);
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        // Of a server that was never met it is a wrong setting; one that was may just be changing its certificate.
        if (!met && 'url' in address && isDistrust(error.cause)) {
          throw new WherryError('worker.certificate', { server: address.url }, error.cause);
        }
        if (tries % sayEvery === 1) away(error.message);
      }
      await sleep(wait * (0.5 + Math.random() / 2), undefined, { signal });
    }
  };
  return { ask, insist, stream, close };
}

async function transport(address: ServerAddress): Promise<{ send: Send; close: () => void }> {
  if ('socketPath' in address) {
    const agent = new Agent({ keepAlive: true });
    const send: Send = (path, body, signal, timeoutMs) =>
      exchange(
        (headers) => httpRequest({ socketPath: address.socketPath, path, method: 'POST', headers, agent, signal }),
        body,
        timeoutMs,
        {},
      );
    return { send, close: () => agent.destroy() };
  }
  const url = URL.parse(address.url);
  if (url?.protocol !== 'https:') throw new WherryError('worker.address', { server: address.url });
  const token = (await readText(address.tokenFile)).trim();
  const ca = address.caFile === undefined ? undefined : await readText(address.caFile);
  const { Agent: TlsAgent, request: tlsRequest } = await import('node:https'); // on one machine nobody needs it
  const agent = new TlsAgent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) });
  const send: Send = (path, body, signal, timeoutMs) =>
    exchange(
      (headers) =>
        tlsRequest({ hostname: url.hostname, port: url.port || 443, path, method: 'POST', headers, agent, signal }),
      body,
      timeoutMs,
      { authorization: `Bearer ${token}` },
    );
  return { send, close: () => agent.destroy() };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new WherryError('worker.file_unreadable', { path }, error);
  }
}

/** What OpenSSL and Node say of a certificate that they do not accept. */
function isDistrust(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /CERT|UNABLE_TO_VERIFY|SELF_SIGNED/.test(code);
}

function exchange(
  open: (headers: Record<string, string>) => ClientRequest,
  body: string,
  timeoutMs: number,
  extra: Record<string, string>,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = open({
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      ...extra,
    });
    request.setTimeout(timeoutMs, () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    request.on('error', (error) => {
      if (error.name === 'AbortError') reject(error);
      else reject(new NoAnswer(error.message, { cause: error }));
    });
    request.on('response', resolve);
    request.end(body);
  });
}

function textOf(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    response.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > maxAnswerBytes) response.destroy(new Error('the answer is too long'));
      else parts.push(part);
    });
    response.on('error', (error) =>
      reject(error.name === 'AbortError' ? error : new NoAnswer(error.message, { cause: error })),
    );
    response.on('end', () => resolve(Buffer.concat(parts).toString('utf8')));
  });
}

/** What is no JSON is not from the server but from something in front of it, which may be gone in a moment. */
function parsedAnswer(text: string, status: number): unknown {
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch (error) {
    throw new NoAnswer(`status ${status}, and no answer of Wherry's`, { cause: error });
  }
}

function refusal(status: number, problem: unknown): WherryError {
  const { code, params, causes } = (problem ?? {}) as { code?: string; params?: ErrorParams; causes?: string[] };
  const cause = new Error(causes?.[0] ?? `the server answered ${status}`);
  if (code !== undefined && code in catalogue) return new WherryError(code as ErrorCode, params ?? {}, cause);
  return new WherryError('internal', {}, new Error(`the server answered ${status}: ${JSON.stringify(problem)}`));
}
