/**
 * News on their way to the server: collected into batches of at most 500 objects or about 1 MiB, sent one after the other.
 * While one is on its way the next is filled, and then the source waits: what is not sent is never more than two batches.
 */
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { InventoryObject, type Unreadable } from '../model/inventory.ts';
import type { InventoryNews } from '../providers/provider.ts';

export const maxBatchObjects = 500;
export const maxBatchBytes = 1024 * 1024;
/** One object with more than this cannot be sent at all. */
export const maxObjectBytes = 8 * 1024 * 1024;
/** What the server takes: it refuses a whole batch for one object that is otherwise, again and again. */
const isObject = Compile(InventoryObject);
/** More than this many pieces of news go into the next batch. */
const maxPieces = 90;

export type Batcher = {
  /** Resolves when there is room for more. Rejects when a batch could not be sent. */
  add(news: InventoryNews): Promise<void>;
  /** Sends what there is. */
  flush(): Promise<void>;
  /** Resolves when all of it has been sent. */
  drain(): Promise<void>;
  isEmpty(): boolean;
};

/** @param send gets the JSON of a list of news; one at a time */
export function createBatcher(send: (news: string) => Promise<void>): Batcher {
  let pieces: { readonly head: string; readonly objects: string[] | null }[] = [];
  let objects = 0;
  let bytes = 0;
  let sending: Promise<void> = Promise.resolve();

  const flush = async (): Promise<void> => {
    if (pieces.length === 0) return;
    const text = `[${pieces.map(textOf).join(',')}]`;
    pieces = [];
    objects = 0;
    bytes = 0;
    await sending;
    sending = send(text);
    // Whoever adds next, or drains, hears of it.
    sending.catch(() => undefined);
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
      for (const object of news.objects) {
        const text = JSON.stringify(object);
        const wrong = news.kind === 'put' ? strangeOrNull(object) : null;
        if (isTooLarge(text)) await addObject('unreadable', JSON.stringify(tooLarge(object)));
        else await addObject(wrong === null ? news.kind : 'unreadable', wrong === null ? text : JSON.stringify(wrong));
      }
    },
    flush,
    drain: async () => {
      await flush();
      await sending;
    },
    isEmpty: () => pieces.length === 0,
  };
}

function textOf({ head, objects }: { readonly head: string; readonly objects: readonly string[] | null }): string {
  return objects === null ? `{${head}}` : `{${head},"objects":[${objects.join(',')}]}`;
}

/** Characters are counted first, because bytes are at most three times as many. */
function isTooLarge(text: string): boolean {
  return text.length > maxObjectBytes / 3 && Buffer.byteLength(text) > maxObjectBytes;
}

/** Null where the server takes it; else what it is listed as. */
export function strangeOrNull(object: { readonly ref: string; readonly name?: string }): Unreadable | null {
  return isObject.Check(object) ? null : strange(object);
}

/** A name or a number of it is none that can be stored. */
function strange(object: { readonly ref: string; readonly name?: string }): Unreadable {
  const name = (object.name ?? object.ref).slice(0, 200);
  const kind = 'kind' in object ? object.kind : '';
  const own = InventoryObject.anyOf.find(({ properties }) => properties.kind.const === kind);
  const [first] = own === undefined ? [] : Value.Errors(own, object);
  const what = first === undefined ? '' : `${first.instancePath.slice(1).replaceAll('/', '.')} ${first.message}`;
  return { ref: object.ref, name, code: 'provider.object_strange', params: { name, what }, causes: [] };
}

function tooLarge(object: { readonly ref: string; readonly name?: string }): object {
  const { ref, name = ref } = object;
  const params = { system: name, what: `it is more than ${maxObjectBytes} bytes` };
  return { ref, name, code: 'provider.too_large', params, causes: [] };
}
