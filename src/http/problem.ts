/** Errors as HTTP answers: RFC 9457 problem documents, made from the catalogue. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { catalogue, type ErrorEntry, explain, toStored, WherryError } from '../model/errors.ts';

export const Problem = Type.Object({
  /** A URI reference that names the kind of problem: where the API's page explains it. */
  type: Type.String(),
  /** What failed, for people. */
  title: Type.String(),
  status: Type.Integer(),
  /** What failed and why, in one line. */
  detail: Type.String(),
  /** Stable; programs decide by this one. */
  code: Type.String(),
  params: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
  /** What to do. */
  next: Type.String(),
  /** The words of what refused, outermost first. */
  causes: Type.Array(Type.String()),
  /** The request's id, as in the server's log. */
  instance: Type.String(),
});
export type Problem = Type.Static<typeof Problem>;

export function problemOf(error: unknown, requestId: string): Problem {
  const stored = toStored(error);
  const entry: ErrorEntry = catalogue[stored.code];
  // What an unexpected error says may hold anything: it goes to the log, not to the caller.
  const { message, next, causes } = explain(stored.code === 'internal' ? { ...stored, causes: [] } : stored);
  return {
    type: `/api/docs#${stored.code}`,
    title: message,
    status: entry.status,
    detail: causes.length === 0 ? message : `${message}: ${causes.join(': ')}`,
    code: stored.code,
    params: stored.params,
    next,
    causes: [...causes],
    instance: requestId,
  };
}

export function sendProblem(reply: FastifyReply, error: unknown): FastifyReply {
  const problem = problemOf(error, reply.request.id);
  if (problem.code === 'auth.throttled') reply.header('retry-after', String(problem.params['seconds']));
  return reply.code(problem.status).type('application/problem+json').send(problem);
}

/** Fastify's own refusals in our words; anything else is a defect or an outage of the database. */
export function handleError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = translate(error, request);
  if (!(known instanceof WherryError) || known.code === 'internal') request.log.error({ err: error }, 'request failed');
  return sendProblem(reply, known);
}

function translate(error: FastifyError, request: FastifyRequest): unknown {
  if (error instanceof WherryError) return error;
  if (error.validation !== undefined) return new WherryError('request.invalid', { problem: error.message });
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new WherryError('request.too_large', { limit: request.routeOptions.bodyLimit ?? 0 });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new WherryError('request.media_type', { type: request.headers['content-type'] ?? 'none' });
    // In words without the address: a query may hold what nobody should see.
    case 'FST_ERR_BAD_URL':
      return new WherryError('request.invalid', { problem: 'the path cannot be decoded' });
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new WherryError('request.invalid', { problem: 'a name in the path is too long' });
    default:
      break;
  }
  if (isOutage(error)) return new WherryError('server.database_unreachable', {}, error);
  const { statusCode } = error;
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new WherryError('request.invalid', { problem: error.message });
  }
  return error;
}

/**
 * PostgreSQL's own word (SQLSTATE classes 08 connection, 53 resources, 57P shutdown), its driver's, or its socket's: the
 * database is the only thing that a server connects to. A file that is missing is no outage, though its code is the same as
 * that of a socket which is not there.
 */
function isOutage(error: FastifyError): boolean {
  const code = typeof error.code === 'string' ? error.code : '';
  const syscall = 'syscall' in error ? error.syscall : undefined;
  if ('severity' in error && /^(08|53|57P)/.test(code)) return true;
  if (syscall === 'connect' && /^(ECONNREFUSED|ECONNRESET|ENOENT|ETIMEDOUT|EAGAIN)$/.test(code)) return true;
  if ((syscall === 'read' || syscall === 'write') && /^(ECONNRESET|EPIPE|ETIMEDOUT)$/.test(code)) return true;
  return /^(timeout exceeded when trying to connect|Connection terminated|Cannot use a pool after)/.test(error.message);
}
