/**
 * News on their way to the server: collected into batches of at most 500 objects or about 1 MiB, sent in order. Two may be on
 * their way, so that the server finds the next one when it has stored one. Meanwhile a third is filled, and when that is full
 * the source waits: what is not stored is never more than three batches.
 */
import type { InventoryNews } from '../providers/provider.ts';

export const maxBatchObjects = 500;
export const maxBatchBytes = 1024 * 1024;
/** One object with more than this cannot be sent at all. */
export const maxObjectBytes = 8 * 1024 * 1024;
/** More than this many pieces of news go into the next batch. */
const maxPieces = 90;
const maxOnTheWay = 2;
/** So many go as soon as there is room; fewer would cost the server more than they save. */
const enoughObjects = 250;

export type Batcher = {
  /** Resolves when there is room for more. Rejects when a batch could not be sent. */
  add(news: InventoryNews): Promise<void>;
  /** Sends what there is, once there is room. */
  flush(): Promise<void>;
  /** Resolves when one more batch can go at once. Rejects when one could not be sent. */
  room(): Promise<void>;
  /** Resolves when all of it has been sent. */
  drain(): Promise<void>;
  isEmpty(): boolean;
};

/** @param send gets the JSON of a list of news; resolves when that and all before it is stored */
export function createBatcher(send: (news: string) => Promise<void>): Batcher {
  let pieces: { readonly head: string; readonly objects: string[] | null }[] = [];
  let objects = 0;
  let bytes = 0;
  /** The oldest first. One that could not be sent stays: whoever adds enough, flushes or drains hears of it. */
  const onTheWay: Promise<void>[] = [];
  let failed = false;

  const room = async (): Promise<void> => {
    if (failed) await Promise.all(onTheWay);
    if (onTheWay.length >= maxOnTheWay) await onTheWay[0];
  };
  const flush = async (): Promise<void> => {
    if (pieces.length === 0) return;
    await room();
    const text = `[${pieces.map(textOf).join(',')}]`;
    pieces = [];
    objects = 0;
    bytes = 0;
    const sending = send(text);
    onTheWay.push(sending);
    sending.then(
      () => void onTheWay.splice(onTheWay.indexOf(sending), 1),
      () => void (failed = true),
    );
  };
  const addObject = async (kind: string, text: string): Promise<void> => {
    if (objects >= maxBatchObjects || bytes + text.length > maxBatchBytes) await flush();
    const last = pieces.at(-1);
    const head = `"kind":${JSON.stringify(kind)}`;
    if (last?.objects !== null && last?.head === head) last.objects.push(text);
    else await addPiece({ head, objects: [text] });
    objects += 1;
    bytes += text.length;
  };
  const addPiece = async (piece: { head: string; objects: string[] | null }): Promise<void> => {
    if (pieces.length >= maxPieces) await flush();
    pieces.push(piece);
  };
  return {
    add: async (news) => {
      if (news.kind === 'snapshot' || news.kind === 'synced') {
        const { kind, ...rest } = news;
        await addPiece({ head: JSON.stringify({ kind, ...rest }).slice(1, -1), objects: null });
        bytes += 200;
        return;
      }
      const { strangeOrNull } = news.kind === 'put' ? await validator() : { strangeOrNull: () => null };
      for (const object of news.objects) {
        const text = JSON.stringify(object);
        const wrong = strangeOrNull(object);
        if (isTooLarge(text)) await addObject('unreadable', JSON.stringify(tooLarge(object)));
        else await addObject(wrong === null ? news.kind : 'unreadable', wrong === null ? text : JSON.stringify(wrong));
      }
      if (objects >= enoughObjects && onTheWay.length < maxOnTheWay) await flush();
    },
    flush,
    room,
    drain: async () => {
      await flush();
      await Promise.all(onTheWay);
    },
    isEmpty: () => pieces.length === 0,
  };
}

/** Loaded with the first object, while the system makes its first answer: it is a third of what the process loads. */
function validator(): Promise<typeof import('./strange.ts')> {
  return import('./strange.ts');
}

function textOf({ head, objects }: { readonly head: string; readonly objects: readonly string[] | null }): string {
  return objects === null ? `{${head}}` : `{${head},"objects":[${objects.join(',')}]}`;
}

/** Characters are counted first, because bytes are at most three times as many. */
function isTooLarge(text: string): boolean {
  return text.length > maxObjectBytes / 3 && Buffer.byteLength(text) > maxObjectBytes;
}

function tooLarge(object: { readonly ref: string; readonly name?: string }): object {
  const { ref, name = ref } = object;
  const params = { system: name, what: `it is more than ${maxObjectBytes} bytes` };
  return { ref, name, code: 'provider.too_large', params, causes: [] };
}
