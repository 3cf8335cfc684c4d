import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { get, remove } from '../../../api/client.ts';
import { keys } from '../../../api/keys.ts';
import type { UploadView } from '../../../api/types.ts';
import type { Given } from './dropped.ts';
import { forget } from './same-file.ts';
import { sendFile } from './send.ts';

/** A file of this page. `waiting`: the connection broke, it is tried again. */
export type Sending = {
  readonly path: string;
  readonly sizeBytes: number;
  readonly doneBytes: number;
  readonly state: 'queued' | 'sending' | 'waiting' | 'done' | 'failed';
  readonly uploadId: string | null;
  readonly error: Error | null;
};

/** Files of this page on their way into a store, one after the other. They stop with the page, and can be gone on with. */
export function useSending(providerId: string): {
  readonly files: readonly Sending[];
  readonly send: (given: readonly Given[]) => void;
  readonly cancel: (path: string) => void;
} {
  const queries = useQueryClient();
  const [files, setFiles] = useState<readonly Sending[]>([]);
  const running = useRef(new Map<string, AbortController>());
  const line = useRef<Promise<unknown>>(Promise.resolve());
  useEffect(() => {
    const all = running.current;
    return () => {
      for (const controller of all.values()) controller.abort();
    };
  }, []);
  const readAgain = async (): Promise<void> =>
    queries.invalidateQueries({ queryKey: keys.inProvider(providerId, 'uploads') });
  const set = (path: string, change: Partial<Sending>): void =>
    setFiles((before) => before.map((file) => (file.path === path ? { ...file, ...change } : file)));
  const one = async ({ file, path }: Given, signal: AbortSignal): Promise<void> => {
    try {
      signal.throwIfAborted();
      set(path, { state: 'sending' });
      const { items } = await get<{ readonly items: readonly UploadView[] }>(`/providers/${providerId}/uploads`);
      const open = items.filter(({ state }) => state === 'open');
      const progress = (upload: UploadView, isWaiting: boolean): void =>
        set(path, {
          state: isWaiting ? 'waiting' : 'sending',
          doneBytes: upload.doneBytes,
          uploadId: upload.id,
        });
      const { id, doneBytes } = await sendFile({ id: providerId, open }, file, path, progress, signal);
      forget(id);
      set(path, { state: 'done', doneBytes });
    } catch (error) {
      if (!signal.aborted) set(path, { state: 'failed', error: error as Error });
    } finally {
      running.current.delete(path);
      await readAgain();
    }
  };
  return {
    files,
    send: (given) => {
      const fresh = given.filter(({ path }) => !running.current.has(path));
      const paths = new Set(fresh.map(({ path }) => path));
      setFiles((before) => [
        ...before.filter(({ path }) => !paths.has(path)),
        ...fresh.map(({ path, file }) => {
          return { path, sizeBytes: file.size, doneBytes: 0, state: 'queued', uploadId: null, error: null } as const;
        }),
      ]);
      for (const each of fresh) {
        const controller = new AbortController();
        running.current.set(each.path, controller);
        line.current = line.current.then(() => one(each, controller.signal));
      }
    },
    cancel: (path) => {
      running.current.get(path)?.abort();
      const upload = files.find((file) => file.path === path)?.uploadId;
      setFiles((before) => before.filter((file) => file.path !== path));
      if (typeof upload === 'string') void giveUp(upload).then(readAgain, readAgain);
    },
  };
}

/** What came of it is removed from the store. */
export async function giveUp(uploadId: string): Promise<void> {
  forget(uploadId);
  await remove(`/uploads/${uploadId}`);
}
