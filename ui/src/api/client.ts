/** The API, with the browser's own fetch. An answer that says no becomes a `Refusal` with the server's problem document. */
export type Problem = {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly next: string;
  readonly causes: readonly string[];
};

export class Refusal extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.title);
    this.name = 'Refusal';
    this.problem = problem;
  }
}

/** The session has ended, or there never was one. */
export function isSignedOut(error: unknown): boolean {
  return error instanceof Refusal && error.problem.status === 401;
}

export function get<T>(path: string): Promise<T> {
  return request<T>('GET', path);
}

export function post<T>(path: string, body: unknown = {}): Promise<T> {
  return request<T>('POST', path, body);
}

export function put<T>(path: string, body: unknown): Promise<T> {
  return request<T>('PUT', path, body);
}

export function patch<T>(path: string, body: unknown): Promise<T> {
  return request<T>('PATCH', path, body);
}

/** Bytes of a file, as they are. Rejects with the signal's reason when it is aborted. */
export function putBytes<T>(path: string, bytes: Blob, signal: AbortSignal): Promise<T> {
  return request<T>('PUT', path, bytes, signal);
}

export function remove(path: string): Promise<void> {
  return request<void>('DELETE', path);
}

let serverAheadMs = 0;

/** The server's time in ms since 1970, to a second: how long something has run must not depend on the browser's clock. */
export function serverNow(): number {
  return Date.now() + serverAheadMs;
}

async function request<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const isBytes = body instanceof Blob;
  const type = isBytes ? 'application/octet-stream' : 'application/json';
  const response = await fetch(`/api/v1${path}`, {
    method,
    credentials: 'same-origin',
    headers: {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': type }),
      // A click that is sent twice must not act twice.
      ...(method === 'POST' ? { 'idempotency-key': newKey() } : {}),
    },
    ...(body === undefined ? {} : { body: isBytes ? body : JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw new Refusal({
      status: 0,
      code: 'console.no_answer',
      title: 'The server does not answer',
      next: 'Check that it runs and that this browser reaches it.',
      causes: [String(error)],
    });
  });
  const date = Date.parse(response.headers.get('date') ?? '');
  // The header has whole seconds: a difference below two is none.
  if (!Number.isNaN(date)) serverAheadMs = Math.abs(date - Date.now()) < 2_000 ? 0 : date - Date.now();
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as T;
  throw new Refusal(problemOf(response.status, text));
}

/** Not crypto.randomUUID: browsers have that only on pages that came over TLS or from this machine. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function problemOf(status: number, text: string): Problem {
  try {
    return {
      causes: [],
      next: '',
      ...(JSON.parse(text) as Partial<Problem> & Pick<Problem, 'code' | 'title'>),
      status,
    };
  } catch {
    return {
      status,
      code: 'console.no_problem',
      title: `The server answered ${status}`,
      next: 'Something between this browser and Wherry may have answered instead of it: try again.',
      causes: text.startsWith('<') ? [] : [text.slice(0, 300)],
    };
  }
}
