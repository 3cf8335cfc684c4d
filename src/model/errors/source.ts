import type { ErrorEntry } from '../errors.ts';

export const sourceErrors = {} as const satisfies Record<string, ErrorEntry>;
