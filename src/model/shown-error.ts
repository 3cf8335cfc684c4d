/** An error as the API shows it: with the texts that are made from what is stored. */
import Type from 'typebox';
import { explain, type StoredError } from './errors.ts';

/** An error, explained: `message` what failed, `causes` the tools' own words, `next` what to do. */
export const ShownError = Type.Object({
  code: Type.String(),
  params: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
  message: Type.String(),
  next: Type.String(),
  causes: Type.Array(Type.String()),
});
export type ShownError = Type.Static<typeof ShownError>;

export function shown(error: StoredError): ShownError;
export function shown(error: StoredError | null): ShownError | null;
export function shown(error: StoredError | null): ShownError | null {
  if (error === null) return null;
  const { message, next, causes } = explain(error);
  return { code: error.code, params: error.params, message, next, causes: [...causes] };
}
