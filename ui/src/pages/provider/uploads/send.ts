/**
 * A file into a store: begun with name and size, sent in parts. A connection that breaks is tried again from where the
 * worker's disk ends, for as long as somebody waits; a page that was left goes on when the same file is chosen again.
 */
import { get, post, putBytes, Refusal } from '../../../api/client.ts';
import type { UploadView } from '../../../api/types.ts';
import { remember, wasSent } from './same-file.ts';

/** The server takes 64 MiB; smaller ones tell sooner how far it is, and lose less. */
const partBytes = 8 * 1024 * 1024;
const longestRestMs = 15_000;

export type Progress = (upload: UploadView, isWaiting: boolean) => void;

/**
 * @param path name in the store: `app.ova`, or one folder deep
 * @param open uploads that have not ended
 * @throws Refusal: the server says no; the signal's reason
 */
export async function sendFile(
  store: { readonly id: string; readonly open: readonly UploadView[] },
  file: File,
  path: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<UploadView> {
  const begun = store.open.find((upload) => upload.name === path && upload.sizeBytes === file.size);
  let upload: UploadView;
  if (begun !== undefined && wasSent(begun.id, file)) upload = begun;
  else upload = await post<UploadView>(`/providers/${store.id}/uploads`, { name: path, sizeBytes: file.size });
  remember(upload.id, file);
  let restMs = 1_000;
  while (upload.doneBytes < file.size) {
    progress(upload, false);
    try {
      const from = upload.doneBytes;
      const part = file.slice(from, from + partBytes);
      upload = await putBytes<UploadView>(`/uploads/${upload.id}?offset=${from}`, part, signal);
      restMs = 1_000;
    } catch (error) {
      signal.throwIfAborted();
      if (!mayPass(error)) throw error;
      progress(upload, true);
      await rest(restMs, signal);
      restMs = Math.min(restMs * 2, longestRestMs);
      upload = await get<UploadView>(`/uploads/${upload.id}`).catch(() => upload);
    }
  }
  return post<UploadView>(`/uploads/${upload.id}/finish`);
}

/** No answer, a proxy's or a worker's absence, or a part that arrived although its answer did not. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof Refusal)) return false;
  const { status, code } = error.problem;
  return (
    status === 0 ||
    status === 502 ||
    status === 503 ||
    status === 504 ||
    code === 'upload.elsewhere' ||
    code === 'upload.busy'
  );
}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = window.setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      window.clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}
