/**
 * Private directories of target copies whose migrations ended without us: another worker took over, and cleaned up what it had. The
 * server says which are still wanted.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Children } from './children.ts';

/** The target copies that have a directory below `root`. */
async function directoriesIn(root: string): Promise<string[]> {
  return (await readdir(root)).filter((name) => /^[0-9a-f-]{36}$/.test(name));
}

/** Directories of calls: when a worker starts they are an earlier process's. */
export async function sweepCalls(root: string): Promise<void> {
  for (const name of await readdir(root)) if (name.startsWith('call-')) await remove(join(root, name));
}

export type Sweeper = {
  /** A step of this target copy was given to us: what the server has said of it before is old. */
  begins(targetCopyId: string): void;
  /** Asks with all that is there, and removes what nobody wants any more. */
  sweep<T extends { readonly unwanted: readonly string[] }>(ask: (found: string[]) => Promise<T>): Promise<T>;
};

/**
 * A retry may begin while the answer is on its way, in a directory that it calls unwanted: nothing is removed of what began
 * since the question was asked, nor of what begins, which in turn waits until a removal is over (`Children.alone`).
 * @param traces called for each directory first: removes what lies elsewhere for its sake
 * @param failed what could not be removed: it is tried again with the next sweep, and keeps nobody from working
 */
export function createSweeper(
  root: string,
  children: Pick<Children, 'alone'>,
  traces: (directory: string) => Promise<void>,
  failed: (targetCopyId: string, error: unknown) => void,
): Sweeper {
  /** What began since, of each question that is not dealt with yet. */
  const questions = new Set<Set<string>>();
  return {
    begins: (targetCopyId) => {
      for (const begun of questions) begun.add(targetCopyId);
    },
    sweep: async (ask) => {
      const begun = new Set<string>();
      questions.add(begun);
      try {
        const found = await directoriesIn(root);
        const answer = await ask(found);
        for (const id of answer.unwanted.filter((each) => found.includes(each))) {
          if (begun.has(id)) continue;
          const removed = children.alone(id, async () => {
            await traces(join(root, id));
            await remove(join(root, id));
          });
          await removed.catch((error: unknown) => failed(id, error));
        }
        return answer;
      } finally {
        questions.delete(begun);
      }
    },
  };
}

async function remove(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
