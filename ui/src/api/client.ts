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

export function get<T>(path: string): Promise<T> {
  return request<T>('GET', path);
}

export function post<T>(path: string, body: unknown = {}): Promise<T> {
  return request<T>('POST', path, body);
}

export function remove(path: string): Promise<void> {
  return request<void>('DELETE', path);
}

async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`/api/v1${path}`, {
    method,
    credentials: 'same-origin',
    headers: {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      // A click that is sent twice must not act twice.
      ...(method === 'POST' ? { 'idempotency-key': crypto.randomUUID() } : {}),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    throw new Refusal({
      status: 0,
      code: 'console.no_answer',
      title: 'The server does not answer',
      next: 'Check that it runs and that this browser reaches it.',
      causes: [String(error)],
    });
  });
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as T;
  throw new Refusal(problemOf(response.status, text));
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
      next: '',
      causes: [text.slice(0, 300)],
    };
  }
}
