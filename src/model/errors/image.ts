import type { ErrorEntry } from '../errors.ts';

export const imageErrors = {} as const satisfies Record<string, ErrorEntry>;
