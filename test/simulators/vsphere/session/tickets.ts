import { randomUUID } from 'node:crypto';

/** Tickets of AcquireGenericServiceTicket: each opens one URL with one method once, without any other sign-in. */
export class Tickets {
  readonly #tickets = new Map<string, { readonly method: string; readonly url: string }>();

  issue(method: string, url: string): string {
    const id = randomUUID();
    this.#tickets.set(id, { method: method.replace(/^http/i, '').toUpperCase(), url });
    return id;
  }

  /** Whether the ticket is for this; it is used up whatever the answer. `target` is path and query. */
  use(id: string, method: string, target: string): boolean {
    const ticket = this.#tickets.get(id);
    this.#tickets.delete(id);
    if (ticket === undefined) return false;
    const wanted = new URL(ticket.url, 'https://any');
    return ticket.method === method && `${wanted.pathname}${wanted.search}` === target;
  }
}
