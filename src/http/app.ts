/** The HTTP application: all routes of all subjects, under one set of rules. It does not listen; listeners.ts does. */
import cookie from '@fastify/cookie';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { fastify, type FastifyBaseLogger, type FastifyRequest, LogController } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Db } from '../db/db.ts';
import { newId } from '../model/ids.ts';
import { version } from '../version.ts';
import { addAuthentication } from './auth/authenticate.ts';
import { sessionRoutes } from './auth/session-routes.ts';
import { setupRoutes } from './auth/setup-routes.ts';
import { tokenRoutes } from './auth/token-routes.ts';
import { addConsole } from './console.ts';
import { addDocs } from './docs-page.ts';
import type { EventHub } from './event-hub.ts';
import { eventRoutes } from './event-routes.ts';
import { addHeaders, setHeaders } from './headers.ts';
import { addHealth } from './health.ts';
import { addIdempotency } from './idempotency.ts';
import { addNotFound } from './not-found.ts';
import { type KnownRoute, makeOpenApi, type OpenApi } from './openapi.ts';
import { handleError, Problem } from './problem.ts';
import type { App, Routes } from './routes.ts';
import { addStorableCheck } from './storable.ts';
import { compileValidator, describeErrors } from './validation.ts';

export type AppOptions = {
  readonly db: Db;
  readonly hub: EventHub;
  /** The other subjects' routes. */
  readonly routes?: readonly Routes[];
  /** Whether a request came over the unix socket. */
  readonly isLocal: (request: FastifyRequest) => boolean;
  /** Where the set-up token is kept. */
  readonly setupTokenFile: string;
  readonly stopping?: AbortSignal;
  readonly logger?: FastifyBaseLogger;
  /** The built console; a page that says how to build it when it is not there. */
  readonly consoleDirectory?: string;
  /** For tests: an answer that does not match its schema is an error. */
  readonly checkAnswers?: boolean;
};

export type WherryApp = { readonly app: App; readonly routes: readonly KnownRoute[]; readonly openApi: OpenApi };

/** Bodies: an API request is small. What is larger (uploads) has a limit of its own at its route. */
const bodyLimit = 1024 * 1024;

export async function createApp(options: AppOptions): Promise<WherryApp> {
  const { db, hub, stopping = new AbortController().signal } = options;
  const app: App = fastify({
    bodyLimit,
    genReqId: () => newId(),
    logController: new LogController({ disableRequestLogging: true }),
    routerOptions: { maxParamLength: 200 },
    // Ours are set below; without a word here Fastify loads its own first, Ajv above all: 0.1 s of CPU.
    schemaController: { compilersFactory: { buildValidator: notOurs, buildSerializer: notOurs } },
    // What is refused before there is a route: a path that cannot be decoded, or a name in it that is too long.
    frameworkErrors: (error, request, reply) => {
      setHeaders(request, reply);
      void handleError(error, request, reply);
    },
    ...(options.logger === undefined ? { logger: false } : { loggerInstance: options.logger }),
  }).withTypeProvider<TypeBoxTypeProvider>();
  const known: KnownRoute[] = [];
  app.addHook('onRoute', ({ method, url, schema, config }) => {
    if (config?.permission === undefined) throw new Error(`${String(method)} ${url} does not declare who may use it`);
    for (const one of [method].flat())
      known.push({ method: one, url, schema: schema ?? {}, config: { ...config, url, method: one } });
  });
  app.setValidatorCompiler(compileValidator);
  app.setSerializerCompiler(({ schema }) => serializer(schema, options.checkAnswers === true));
  app.setErrorHandler(handleError);
  await app.register(cookie);
  addHeaders(app);
  addAuthentication(app, db, options.isLocal);
  addStorableCheck(app);
  addIdempotency(app, db);
  addLog(app);

  const subjects = [
    setupRoutes(options.setupTokenFile, version),
    sessionRoutes(version),
    tokenRoutes,
    eventRoutes,
    ...(options.routes ?? []),
  ];
  await app.register(
    async (api) => {
      for (const subject of subjects) subject.register(api, { db, hub, stopping });
    },
    { prefix: '/api/v1' },
  );
  addHealth(app, db);
  const schemas: Record<string, TSchema> = { Problem };
  for (const subject of subjects) Object.assign(schemas, subject.schemas);
  const described = (): OpenApi => makeOpenApi(known, schemas, version);
  addDocs(app, described);
  await addConsole(app, options.consoleDirectory);
  addNotFound(app, known);
  await app.ready();
  return {
    app,
    routes: known,
    get openApi() {
      return described();
    },
  };
}

function notOurs(): never {
  throw new Error('requests are checked, and answers written, by compilers of our own');
}

/** JSON as it is. Fastify's own serializer would drop or convert what a schema does not expect, and hide a defect. */
function serializer(schema: unknown, check: boolean): (value: unknown) => string {
  if (!check || typeof schema !== 'object' || schema === null) return (value) => JSON.stringify(value);
  const validator = Compile(schema as TSchema);
  return (value) => {
    const text = JSON.stringify(value);
    const sent: unknown = JSON.parse(text);
    if (!validator.Check(sent)) throw new Error(`the ${describeErrors(validator.Errors(sent), 'answer')}: ${text}`);
    return text;
  };
}

/** One line per request. Only the path: a query may hold what a log should not. */
function addLog(app: App): void {
  app.addHook('onResponse', async (request, reply) => {
    const path = request.url.split('?')[0];
    const took = Math.round(reply.elapsedTime);
    const line = { method: request.method, path, status: reply.statusCode, ms: took, actor: request.actor?.name };
    request.log[reply.statusCode >= 500 ? 'warn' : 'debug'](line, 'request');
  });
}
