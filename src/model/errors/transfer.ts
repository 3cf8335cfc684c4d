import type { ErrorEntry } from '../errors.ts';

export const transferErrors = {} as const satisfies Record<string, ErrorEntry>;
