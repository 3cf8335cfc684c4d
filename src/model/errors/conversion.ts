import type { ErrorEntry } from '../errors.ts';

export const conversionErrors = {} as const satisfies Record<string, ErrorEntry>;
