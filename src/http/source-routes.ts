/** What workers see in sources that nobody has saved, or in one VM of them. */
import type { FastifyRequest } from 'fastify';
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import * as api from '../migration/api.ts';
import { storesOf, workerOfStore } from '../migration/access-store.ts';
import type { Engine } from '../migration/engine.ts';
import { sourceApart } from '../migration/source-query-store.ts';
import { WherryError } from '../model/errors.ts';
import type { SourceSpec } from '../model/spec.ts';
import { actorOf, authorize } from './auth/authenticate.ts';
import type { App } from './routes.ts';

export function addSources(app: App, engine: Engine, stopping: AbortSignal): void {
  const ask = (path: string, { method, operationId, summary, body, answer, response }: Question): void => {
    const schema = { operationId, summary, tags: ['sources'], body, response: { 200: response } };
    app.post(path, { config: { permission: 'operator', idempotent: false }, schema }, async (request) => {
      const question = await questionOf(engine, method, authorized(request), askerOf(request).anyPath);
      const found = await engine.call(question, stopping);
      return parsed(response, { [answer]: found });
    });
  };
  ask('/sources/list', {
    method: 'listVms',
    operationId: 'listSourceVms',
    summary: 'The VMs in a source, as a worker sees it',
    body: api.ListSource,
    answer: 'vms',
    response: api.SourceVms,
  });
  ask('/sources/describe', {
    method: 'describeVm',
    operationId: 'describeSourceVm',
    summary: 'One VM in a source, as a worker sees it',
    body: api.DescribeSource,
    answer: 'vm',
    response: api.SourceVm,
  });
}

type Question = {
  readonly method: 'listVms' | 'describeVm';
  readonly operationId: string;
  readonly summary: string;
  readonly body: typeof api.ListSource | typeof api.DescribeSource;
  /** What the worker's answer is called in ours. */
  readonly answer: 'vms' | 'vm';
  readonly response: typeof api.SourceVms | typeof api.SourceVm;
};

/**
 * A worker asks any address of its network for whoever may name one: operators name files of stores that an administrator
 * has added. @throws auth.forbidden
 */
export function authorizeSource(source: SourceSpec, request: FastifyRequest): void {
  if (source.type === 'web' && source.provider === undefined) authorize('administrator', actorOf(request));
}

/** Who asks for a migration, and whether they may name any directory of a worker. */
export function askerOf(request: FastifyRequest): { readonly actor: string; readonly anyPath: boolean } {
  const { name, role } = actorOf(request);
  return { actor: name, anyPath: role === 'administrator' };
}

function authorized<T extends { readonly source: SourceSpec }>(request: FastifyRequest & { body: T }): T {
  authorizeSource(request.body.source, request);
  return request.body;
}

async function questionOf(
  engine: Engine,
  method: Question['method'],
  { workerId: named, ...asked }: api.ListSource | api.DescribeSource,
  anyPath: boolean,
): Promise<Parameters<Engine['call']>[0]> {
  const { source, query } = sourceApart(asked.source);
  const workerId = named ?? (await workerOfStore(engine.db.kysely, source)) ?? undefined;
  const stores = anyPath ? [] : await storesOf(engine.db.kysely, workerId ?? null);
  const params = { ...asked, source, ...(!anyPath && { restriction: { stores } }) };
  const access = await engine.accessOf(source, query);
  const reached =
    access === null ? { params } : { params: { ...params, account: access.account }, secrets: access.secrets };
  return { method, ...reached, ...(workerId !== undefined && { workerId }) };
}

/** A worker of another version may answer what we do not know: that is its defect, not the caller's. */
function parsed<T extends TSchema>(schema: T, value: unknown): Static<T> {
  if (!Value.Check(schema, value)) throw new WherryError('internal', {}, new Error('a worker gave a strange answer'));
  return value;
}
