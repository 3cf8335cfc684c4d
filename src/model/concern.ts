import Type from 'typebox';
import { StringEnum } from './schema.ts';

/**
 * Something found on a VM or a target before anything is changed. `critical` blocks, `warning` means that something may
 * be lost, `information` is worth knowing. Text comes from the catalogue of errors by `code` and `params`.
 */
export const Concern = Type.Object({
  code: Type.String(),
  severity: StringEnum(['critical', 'warning', 'information']),
  params: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
  /** The words of what refused, outermost first, where something did. */
  causes: Type.Optional(Type.Array(Type.String())),
});
export type Concern = Type.Static<typeof Concern>;
