/** From a request to its method: version, session, object, parameters, privileges, rules, in this order. */
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeFields, decodeRef } from './decode.ts';
import { faultEnvelope, methodElement, resultEnvelope } from './envelope.ts';
import { invalidRequest, notAuthenticated, notFound, SoapError, VimFault } from './fault.ts';
import type { Element } from './xml.ts';
import { handlers } from '../handlers.ts';
import { apisOf } from '../product.ts';
import { methods, type Method } from '../schema/method-types.ts';
import { isSubtype } from '../schema/types.ts';
import { mayDo } from '../session/accounts.ts';
import { openMethods } from '../session/methods.ts';
import { needed, prohibitedByLicence } from '../session/privileges.ts';
import type { Session } from '../session/sessions.ts';
import { findObject, type Answer, type Call, type World } from '../world.ts';

export type Request = {
  readonly body: string;
  readonly soapAction: string | undefined;
  readonly session: Session | null;
  readonly userAgent: string;
  readonly ipAddress: string;
  readonly signal: AbortSignal;
};

export type Response = {
  readonly status: 200 | 500;
  readonly body: string;
  /** The method that was called, when it got that far. */
  readonly method: string;
  /** Set when the cookie changes: a new session, or null when it was signed out. */
  readonly session?: Session | null | undefined;
};

export async function respond(world: World, request: Request): Promise<Response> {
  let name = '';
  try {
    checkVersion(world, request.soapAction);
    const element = methodElement(request.body);
    name = element.name;
    const { method, result } = await invoke(world, request, element);
    return { status: 200, body: resultEnvelope(method, result.value), method: name, session: result.session };
  } catch (error) {
    if (error instanceof SoapError || error instanceof VimFault) {
      return { status: 500, body: faultEnvelope(error), method: name };
    }
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const fault = new VimFault('SystemError', `A general system error occurred: ${reason}`, { reason });
    return { status: 500, body: faultEnvelope(fault), method: name };
  }
}

function checkVersion(world: World, soapAction: string | undefined): void {
  const given = soapAction?.replaceAll('"', '') ?? '';
  const known = apisOf(world.product).map((api) => `urn:vim25/${api}`);
  if (given === 'urn:vim25' || known.includes(given)) return;
  const message = `Unsupported version URI "${given}"\n\nwhile parsing SOAP body\nat line 1, column 0`;
  throw new SoapError('vim25:VersionMismatchFaultCode', message);
}

async function invoke(world: World, request: Request, element: Element): Promise<{ method: Method; result: Answer }> {
  const { session } = request;
  const [first, ...rest] = element.children;
  if (first?.name !== '_this') throw invalidRequest(`Element "_this" of method ${element.name} is missing`);
  const ref = decodeRef(first, element.name);
  const method = methods.get(element.name);
  const open = openMethods[element.name];
  const handler = handlers[element.name];
  if (method === undefined || (open ?? handler) === undefined || !isSubtype(ref.type, method.of)) {
    throw new VimFault('MethodNotFound', `The method is not found: ${element.name} of ${ref.type}`, {
      receiver: ref,
      method: element.name,
    });
  }
  if (open === undefined && session === null) throw notAuthenticated(ref);
  const self = findObject(world, session, ref);
  if (self === undefined) throw notFound(ref);
  const args = decodeFields(rest, method.parameters, element.name);
  const signal = session === null ? request.signal : AbortSignal.any([request.signal, session.ended.signal]);
  const { userAgent, ipAddress } = request;
  const call: Call = { world, method: method.name, self, args, session, signal, userAgent, ipAddress };
  if (session === null || open !== undefined) {
    await obeyRules(call);
    return { method, result: open?.(call) ?? {} };
  }
  checkAllowed(call, session);
  session.calls += 1;
  session.busy += 1;
  try {
    await obeyRules(call);
    const result = (await handler?.({ ...call, session })) ?? {};
    return { method, result };
  } finally {
    session.busy -= 1;
    session.lastActive = performance.now();
  }
}

function checkAllowed({ world, method, self }: Call, { account }: Session): void {
  const privilege = needed[method];
  if (privilege !== undefined && !mayDo(account, privilege)) {
    throw new VimFault('NoPermission', 'Permission to perform this operation was denied.', {
      object: self.ref,
      privilegeId: privilege,
    });
  }
  if (world.product.free && prohibitedByLicence.has(method)) {
    const message = 'Current license or ESXi version prohibits execution of the requested operation.';
    throw new VimFault('RestrictedVersion', message);
  }
}

async function obeyRules(call: Call): Promise<void> {
  const rules = call.world.rules.match(call.method, call.self.ref);
  call.world.tasks.note(call.args, rules);
  const task = call.method.endsWith('_Task');
  for (const rule of rules) {
    if (task && rule.where !== 'call') continue;
    if (rule.delayMs !== undefined)
      await sleep(rule.delayMs, undefined, { signal: call.signal }).catch(() => undefined);
    if (rule.fault !== undefined) throw rule.fault;
  }
}
