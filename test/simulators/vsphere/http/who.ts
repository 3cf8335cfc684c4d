/** Who asks: the session of a cookie, a name and a password, a ticket. */
import type { IncomingMessage } from 'node:http';
import type { Account } from '../session/accounts.ts';
import type { Session } from '../session/sessions.ts';
import type { World } from '../world.ts';

export const sessionCookie = 'vmware_soap_session';
const ticketCookie = 'vmware_cgi_ticket';

function cookie(request: IncomingMessage, name: string): string | null {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [key, ...value] = part.trim().split('=');
    if (key === name) return value.join('=').replace(/^"(.*)"$/, '$1');
  }
  return null;
}

export const sessionOf = (world: World, request: IncomingMessage): Session | null =>
  world.sessions.find(cookie(request, sessionCookie));

/** For files: the account, or `ticket` for who came with one, or null: not let in. */
export function whoOf(world: World, request: IncomingMessage): Account | 'ticket' | null {
  const session = sessionOf(world, request);
  if (session !== null) return session.account;
  const ticket = cookie(request, ticketCookie);
  if (ticket !== null) return world.tickets.use(ticket, request.method ?? '', request.url ?? '') ? 'ticket' : null;
  const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (basic === undefined) return null;
  const [name = '', ...password] = Buffer.from(basic, 'base64').toString().split(':');
  return world.accounts.signIn(name, password.join(':'));
}
