/** What goes wrong between a server and its clients before any method is reached, on demand. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export type Trouble = {
  /** A status instead of an answer: 401, 503; `cut`: only so many bytes of the answer, then the connection breaks. */
  readonly kind: 'status' | 'cut' | 'hang' | 'slow' | 'reset';
  readonly status?: number;
  readonly bytes?: number;
  /** Of `slow`: before the answer. */
  readonly delayMs?: number;
  /** Only requests whose path, or whose method's name, matches. */
  readonly only?: RegExp;
  /** How many requests; absent: all until it is taken away. */
  readonly times?: number;
};

type Active = { readonly trouble: Trouble; left: number };

export class Troubles {
  readonly #active: Active[] = [];

  /** Adds one; the returned function ends it. */
  add(trouble: Trouble): () => void {
    const active = { trouble, left: trouble.times ?? Infinity };
    this.#active.push(active);
    return () => {
      const at = this.#active.indexOf(active);
      if (at >= 0) this.#active.splice(at, 1);
    };
  }

  /** The first that is about a request; it counts as used. */
  take(path: string, method: string): Trouble | null {
    for (const active of this.#active) {
      const { only } = active.trouble;
      if (active.left <= 0 || (only !== undefined && !only.test(path) && !only.test(method))) continue;
      active.left -= 1;
      return active.trouble;
    }
    return null;
  }
}

/** Plays what ends a request at once. True when nothing more is to be done with it. */
export async function play(trouble: Trouble, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  const { kind } = trouble;
  if (kind === 'slow') await sleep(trouble.delayMs ?? 1000, undefined, { ref: false });
  if (kind === 'reset') request.socket.resetAndDestroy();
  if (kind === 'status') {
    const status = trouble.status ?? 503;
    const challenge = status === 401 ? { 'www-authenticate': 'Basic realm="VMware HTTP server"' } : {};
    response.writeHead(status, { 'content-type': 'text/plain', ...challenge });
    response.end(status === 503 ? '503 Service Unavailable (Failed to connect to endpoint)' : `${status}`);
  }
  return kind !== 'slow' && kind !== 'cut';
}

/** Sends the beginning of a body that says it is longer, and breaks off. */
export function cutOff(response: ServerResponse, body: Buffer, bytes: number): void {
  response.writeHead(200, { 'content-type': 'text/xml; charset=utf-8', 'content-length': body.length });
  response.write(body.subarray(0, Math.min(bytes, body.length - 1)), () => response.destroy());
}
