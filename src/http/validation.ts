/**
 * Checks requests with TypeBox itself. Path and query come as text and are converted; bodies are taken as they are, but
 * for defaults. One message names the field and what is wrong with it.
 */
import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { Convert, Default } from 'typebox/value';

export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  // For the first request: all routes together take 0.06 s of CPU, and a server that a command starts is asked of few.
  let compiled: Validator | undefined;
  const isText = httpPart !== 'body';
  // To fill in defaults every variant of every union is tried on the way: a batch of inventory took seconds.
  const withDefaults = JSON.stringify(schema).includes('"default":');
  return (given: unknown) => {
    const converted = isText ? Convert(schema, given) : given;
    const value: unknown = withDefaults ? Default(schema, converted) : converted;
    const validator = (compiled ??= Compile(schema));
    if (validator.Check(value)) return { value };
    return { error: new Error(describeErrors(validator.Errors(value), httpPart ?? 'request')) };
  };
};

type Found = {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message: string;
  readonly params: object;
};

/** The most telling of what was found: of the variants of a union each complains, the deepest complaint is the best. */
export function describeErrors(errors: readonly Found[], part: string): string {
  const telling = errors.filter(({ keyword }) => !['boolean', 'anyOf', 'const'].includes(keyword));
  const from = telling.length > 0 ? telling : errors;
  const depth = ({ instancePath }: Found): number => instancePath.split('/').length;
  const best = from.reduce<Found | undefined>((a, b) => (a === undefined || depth(b) > depth(a) ? b : a), undefined);
  if (best === undefined) return `${part} is not valid`;
  const extra = Object.values(best.params)
    .flat()
    .filter((value) => typeof value === 'string' || typeof value === 'number');
  const detail = ['enum', 'const', 'additionalProperties'].includes(best.keyword) ? ` (${extra.join(', ')})` : '';
  return `${part}${best.instancePath} ${best.message}${detail}`.slice(0, 500);
}
