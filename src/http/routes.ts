/**
 * How a part of the API joins the server. A subject's `*-routes.ts` exports `Routes`; main wires them into `createApp`.
 *
 *     export const widgetRoutes: Routes = {
 *       schemas: { Widget, NewWidget },
 *       register: (app, { db, hub }) => {
 *         app.post('/widgets', {
 *           config: { permission: 'operator' },
 *           schema: { operationId: 'createWidget', summary: 'Makes a widget', tags: ['widgets'],
 *                     body: NewWidget, response: { 201: Widget } },
 *         }, async (request, reply) => { … request.actor.name … });
 *       },
 *     };
 *
 * Paths are below /api/v1. Each route declares who may use it. Throw `WherryError`; the answer is made from its entry in
 * the catalogue. Bodies are checked as they are, query and path parameters are converted first. A POST needs an
 * `Idempotency-Key` and is answered again when sent again, except for workers and where `idempotent` is false.
 */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { TSchema } from 'typebox';
import type { Db } from '../db/db.ts';
import type { Role } from '../model/role.ts';
import type { EventHub } from './event-hub.ts';

/** Who may call a route: anybody, at least this role, or a worker. */
export type Permission = 'public' | Role | 'worker';

/** Who calls. `local`: whoever may open the server's unix socket; an administrator, and trusted as a worker. */
export type Actor = {
  readonly kind: 'local' | 'user' | 'token' | 'worker';
  /** What events and `createdBy` show: "local", the user's name, "token NAME", "worker NAME". */
  readonly name: string;
  /** Null for a worker: it may use the worker's routes and nothing else. */
  readonly role: Role | null;
};

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export type RouteContext = {
  readonly db: Db;
  readonly hub: EventHub;
  /** Aborted when the server is asked to stop: long polls answer at once. */
  readonly stopping: AbortSignal;
};

export type Routes = {
  /** Schemas that the OpenAPI document shows under a name of their own. */
  readonly schemas: Readonly<Record<string, TSchema>>;
  register(app: App, context: RouteContext): void;
};

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Every route has one; starting fails otherwise. */
    permission?: Permission;
    /** False: this POST needs no Idempotency-Key (it may safely be sent twice, or must not be remembered). */
    idempotent?: boolean;
    /** The answer holds a secret: it is given once and not stored. */
    secretAnswer?: boolean;
    /** Not in the OpenAPI document. */
    hidden?: boolean;
    /** The answer is the same for everybody: who asks is not looked up. */
    anonymous?: boolean;
  }
  interface FastifyRequest {
    /** Null on public routes when nobody is signed in; use `actorOf(request)` elsewhere. */
    actor: Actor | null;
  }
}
