import type { ErrorEntry } from '../errors.ts';

export const libvirtErrors = {} as const satisfies Record<string, ErrorEntry>;
