/** SHA-256 beside the main thread; see threads.ts. */
import type { SharedBuffer } from './memory.ts';
import { openThreads } from './threads.ts';

export type Digester = Disposable & {
  /** SHA-256 of `content`, which must not change until it resolves. */
  digest(content: SharedBuffer): Promise<Buffer>;
};

export const openDigester: () => Digester = openThreads;
