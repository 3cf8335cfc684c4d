/** What a worker is asked of uploads, as calls of migration/protocol.ts. Its answers are checked like any outsider's. */
import Type from 'typebox';

const Id = Type.String({ format: 'uuid' });
const Bytes = Type.Integer({ minimum: 0 });

/** Which file: `partial` until it is whole, named so that no look at the store takes it for one. */
export const UploadPlace = Type.Object({ uploadId: Id, location: Type.String(), name: Type.String() });
export type UploadPlace = Type.Static<typeof UploadPlace>;

/** `beginUpload`. `promisedBytes`: what other uploads into the same place still want. */
export type UploadBegin = UploadPlace & { readonly sizeBytes: number; readonly promisedBytes: number };
/** `uploadPart`: fetches `partId` from the server, writes it at `offset`, flushes. */
export type UploadPart = UploadPlace & {
  readonly partId: string;
  readonly offset: number;
  readonly lengthBytes: number;
};
/** `finishUpload`: the file gets its name. `cancelUpload`: what is there of it is removed. */
export type UploadEnd = UploadPlace & { readonly sizeBytes: number };

export const UploadAnswer = Type.Object({ doneBytes: Bytes });
export type UploadAnswer = Type.Static<typeof UploadAnswer>;
