/** Parameters of paths that many routes have. */
import Type from 'typebox';

export const ById = Type.Object({ id: Type.String({ format: 'uuid' }) });
