/** Uploads, as users and programs see them. */
import Type from 'typebox';
import { StringEnum } from '../model/schema.ts';

const Bytes = Type.Integer({ minimum: 0 });
const Id = Type.String({ format: 'uuid' });

export const BeginUpload = Type.Object(
  {
    /** `app.ova`, or one folder deep: `web01/disk0.vmdk`. */
    name: Type.String({ minLength: 1, maxLength: 401 }),
    sizeBytes: Bytes,
    /** What the sender knows this file by: told again, and compared by nobody else. Two files may have one name and size. */
    file: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  },
  { additionalProperties: false },
);
export type BeginUpload = Type.Static<typeof BeginUpload>;

export const UploadView = Type.Object({
  id: Id,
  providerId: Id,
  name: Type.String(),
  sizeBytes: Bytes,
  /** As it was given at the beginning; null: it was not. Only with the same file may somebody go on. */
  file: Type.Union([Type.String(), Type.Null()]),
  /** Where to go on: all before it is on the worker's disk. */
  doneBytes: Bytes,
  state: StringEnum(['open', 'finished', 'canceled']),
  createdBy: Type.String(),
  createdAt: Type.String(),
});
export type UploadView = Type.Static<typeof UploadView>;
export const UploadList = Type.Object({ items: Type.Array(UploadView) });

/** Largest part of a file that is sent at once: 64 MiB. */
export const maxPartBytes = 64 * 1024 * 1024;
