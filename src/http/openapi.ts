/**
 * The OpenAPI 3.1 document, made from the routes that are there. TypeBox schemas are JSON Schema already; one that a
 * subject gave a name (`Routes.schemas`) is shown once, under `components`, wherever the very same object is used.
 */
import type { FastifySchema, FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import { routeNeedsKey } from './idempotency.ts';

export type KnownRoute = {
  readonly method: string;
  readonly url: string;
  readonly schema: FastifySchema & RouteText;
  readonly config: FastifyRequest['routeOptions']['config'];
};

type RouteText = {
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
};

declare module 'fastify' {
  interface FastifySchema {
    /** Unique; generated clients name their functions by it. */
    operationId?: string;
    summary?: string;
    description?: string;
    tags?: readonly string[];
  }
}

type Json = Record<string, unknown>;
export type OpenApi = {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>;
  readonly components: Json & { readonly schemas: Readonly<Record<string, Json>> };
};

export function makeOpenApi(
  routes: readonly KnownRoute[],
  components: Readonly<Record<string, TSchema>>,
  version: string,
): OpenApi {
  const names = new Map<unknown, string>(Object.entries(components).map(([name, schema]) => [schema, name]));
  const paths: Record<string, Record<string, Json>> = {};
  const shown = routes.filter(({ method, config }) => method !== 'HEAD' && config.hidden !== true);
  for (const route of shown.toSorted((a, b) => a.url.localeCompare(b.url, 'en'))) {
    const path = route.url.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, names) };
  }
  const schemas = Object.fromEntries(Object.entries(components).map(([name, schema]) => [name, inside(schema, names)]));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Wherry',
      version,
      description:
        'Moves virtual machines between hypervisors. Errors are RFC 9457 problem documents; decide by `code`.',
    },
    paths,
    components: {
      schemas,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'An API token: wherry token create NAME' },
        session: { type: 'apiKey', in: 'cookie', name: 'wherry_session' },
      },
    },
  };
}

function operation(route: KnownRoute, names: ReadonlyMap<unknown, string>): Json {
  const { schema, config, method } = route;
  const { operationId, summary, description, tags } = schema;
  const parameters = [
    ...parametersOf('path', schema.params, names),
    ...parametersOf('query', schema.querystring, names),
  ];
  if (routeNeedsKey(method, config)) parameters.push(keyParameter);
  const answers = isRecord(schema.response) ? schema.response : {};
  const responses: Json = {};
  for (const [status, answer] of Object.entries(answers)) {
    responses[status] = { description: summary ?? '', ...contentOf(answer, names) };
  }
  const problem = { $ref: '#/components/schemas/Problem' };
  responses['default'] = { description: 'A problem', content: { 'application/problem+json': { schema: problem } } };
  return {
    ...(operationId === undefined ? {} : { operationId }),
    ...(summary === undefined ? {} : { summary }),
    ...(description === undefined ? {} : { description }),
    ...(tags === undefined ? {} : { tags: [...tags] }),
    'x-permission': config.permission,
    security: config.permission === 'public' ? [] : [{ token: [] }, { session: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(schema.body === undefined ? {} : { requestBody: { required: true, ...contentOf(schema.body, names) } }),
    responses,
  };
}

const keyParameter: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  required: true,
  description: 'New for each new request; the same when it is sent again, which then happens once. Kept for 24 hours.',
  schema: { type: 'string', minLength: 1, maxLength: 200 },
};

function parametersOf(place: 'path' | 'query', schema: unknown, names: ReadonlyMap<unknown, string>): Json[] {
  if (!isRecord(schema) || !isRecord(schema['properties'])) return [];
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  return Object.entries(schema['properties']).map(([name, property]) => ({
    name,
    in: place,
    required: required.includes(name),
    schema: named(property, names),
  }));
}

/** A schema whose `contentMediaType` is set is no JSON; null means that there is no body. */
function contentOf(schema: unknown, names: ReadonlyMap<unknown, string>): Json {
  if (isRecord(schema) && schema['type'] === 'null') return {};
  const media = isRecord(schema) ? schema['contentMediaType'] : undefined;
  return { content: { [typeof media === 'string' ? media : 'application/json']: { schema: named(schema, names) } } };
}

function named(schema: unknown, names: ReadonlyMap<unknown, string>): Json {
  const name = names.get(schema);
  return name === undefined ? inside(schema, names) : { $ref: `#/components/schemas/${name}` };
}

function inside(schema: unknown, names: ReadonlyMap<unknown, string>): Json {
  if (!isRecord(schema)) return {};
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => {
      if (Array.isArray(value)) return [key, value.map((item) => (isRecord(item) ? named(item, names) : item))];
      return [key, isRecord(value) ? named(value, names) : value];
    }),
  );
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
