/**
 * Everything that holds bytes is a `Disk`: a member of an OVA, an NBD export, a VMDK inside something else, a volume.
 * Format readers, throttle, digest and the NBD adapters all take one and most of them are one. Keep it this small.
 *
 * Offsets and lengths are bytes. `read` returns exactly `length` bytes of logical content: holes read as zeros. Callers
 * never go past `sizeBytes`. Calls may overlap in time as much as the caller likes (a queue hides latency); an
 * implementation that cannot do that says `access: 'sequential'` and then `read` is called in order, without gaps, once.
 */
export type Extent = {
  readonly offset: number;
  readonly length: number;
  /** `zero`: reads as zeros, there is nothing to fetch. `data`: may hold anything (zeros too). */
  readonly kind: 'data' | 'zero';
};

export type Range = { readonly offset: number; readonly length: number };

export type Disk = {
  readonly sizeBytes: number;
  readonly access: 'random' | 'sequential';
  /** Where large reads are better than many: a file's cost a thread and a wake-up each. Bytes; absent: the reader chooses. */
  readonly readBytes?: number;
  /** In order, without gaps or overlaps, covering exactly `range`. Lazy: a disk of 16 TiB must not become one array. */
  extents(range: Range, signal: AbortSignal): AsyncIterable<Extent>;
  read(offset: number, length: number, signal: AbortSignal): Promise<Buffer>;
  /**
   * `read`, into the caller's buffer and filling it: spares hot paths an allocation per block.
   * The buffer belongs to the disk until the promise settles; it may lie in shared memory. Optional: who lacks it is copied from.
   */
  readInto?(offset: number, buffer: Buffer, signal: AbortSignal): Promise<void>;
  /** Gives back sockets, file handles, child processes. May be called twice. */
  close(): Promise<void>;
};

export type WritableDisk = Disk & {
  /** True when what was never written reads back as zeros, so that holes need not be written. */
  readonly startsZeroed: boolean;
  /** The buffer belongs to the disk until the promise settles. */
  write(offset: number, data: Buffer, signal: AbortSignal): Promise<void>;
  /** Makes the range read as zeros; gives the space back where the target can. */
  zero(offset: number, length: number, signal: AbortSignal): Promise<void>;
  /** Everything acknowledged before this call survives a crash once it resolves. */
  flush(signal: AbortSignal): Promise<void>;
  /**
   * Opens what was flushed once more, read only, while this goes on writing: past the page cache, by a descriptor of its own.
   * Optional: what cannot be read beside its writer (a qcow2 that qemu-nbd writes) is read when it is closed.
   */
  readBack?(signal: AbortSignal): Promise<Disk>;
  /**
   * Where `readBack` looks bytes up in tables that the writer remembers, that proves nothing yet. Gives those of the ranges (in
   * order) of which it is proved in the end that every reader finds them where they were read, unchanged since. After a
   * flush, with nothing under way. Absent: all of them are.
   */
  confirm?(ranges: readonly Range[], signal: AbortSignal): Promise<readonly Range[]>;
};

/**
 * Takes a disk once, from its beginning to its end. Calls come in order and may overlap in time: the next one may come
 * before this one is settled. After a failure everything fails; whoever wants it still begins a new stream.
 */
export type StreamDisk = {
  /** How many bytes there will be, neither more nor fewer. */
  readonly sizeBytes: number;
  /** These bytes follow. The buffer belongs to the disk until the promise settles. */
  write(data: Buffer, signal: AbortSignal): Promise<void>;
  /** So many zeros follow. */
  zeros(length: number, signal: AbortSignal): Promise<void>;
  /** Everything before this call survives a crash once it resolves; where a stream knows no such thing, it does nothing. */
  flush(signal: AbortSignal): Promise<void>;
  /** After the last byte: when it resolves, the target has all of it for good. */
  end(signal: AbortSignal): Promise<void>;
  /** Without `end`, what was sent is worthless. May be called twice. */
  close(): Promise<void>;
};

/** Raw disks in gzip files of our own. */
export type GzipTools = {
  /** From its beginning; what the file held is gone. */
  create(path: string, sizeBytes: number): Promise<StreamDisk>;
  /** What was written, past the page cache, in order. */
  readBack(path: string, sizeBytes: number, signal: AbortSignal): Promise<Disk>;
};

/** A file that is not on this machine and is read in parts (a web server's). Whoever opened it closes it. */
export type RemoteFile = {
  readonly sizeBytes: number;
  /** Equal as long as it is the same file with the same content. */
  readonly identity: string;
  /** Exactly `length` bytes; may overlap in time. @throws source.changed when it is another one by now, provider.* */
  read(offset: number, length: number, signal: AbortSignal): Promise<Buffer>;
};

/** A part of a file, or all of it. With `remote` its bytes come from there, and `path` is only its name. */
export type FileRange = {
  readonly path: string;
  readonly offset: number;
  readonly lengthBytes: number;
  readonly remote?: RemoteFile | undefined;
};

/** Bytes of an image as stored: a whole file, or a part of one (a member of an archive, never unpacked). */
export type StoredImage = FileRange & {
  /** What the source says it is. The inspector refuses what is something else. */
  readonly format: 'raw' | 'vmdk' | 'qcow2' | 'vhd' | 'vhdx';
  /** The member is compressed by gzip as a whole: it can only be read in order. */
  readonly gzip: boolean;
  /** The virtual size that the source gives. Needed only where the image does not say (gzip'd raw): a pass counts then. */
  readonly declaredSizeBytes?: number | null;
  /** VM and disk, as people know them: for errors. */
  readonly vm: string;
  readonly disk: string;
  /** Another file of the same source by its name there (flat extents of a VMDK); null when there is none. */
  sibling(name: string): FileRange | null;
};

/** What the inspector found. `format` is certain; nothing outside the image is referred to. */
export type ImageFacts = {
  readonly format: StoredImage['format'];
  /** E.g. `streamOptimized`, `monolithicSparse`, `flat` for vmdk; empty where there is one kind only. */
  readonly subformat: string;
  readonly virtualSizeBytes: number;
};

/** What providers need of the transfer side; wired in main.ts, because they know nothing of it but this file. */
export type ImageTools = {
  /** @throws image.* when the image is not safe or not what it says. Never starts a program. */
  inspect(image: StoredImage, signal: AbortSignal): Promise<ImageFacts>;
  /** Inspects, then opens the logical content read only. Sockets of helper processes go into `directory`. */
  openStored(image: StoredImage, directory: string, signal: AbortSignal): Promise<Disk>;
  /** Opens one of *our own* target images by qemu-nbd with an explicit format. */
  openVolume(
    volume: {
      readonly path: string;
      readonly format: 'raw' | 'qcow2';
      readonly readOnly: boolean;
      readonly startsZeroed: boolean;
    },
    directory: string,
    signal: AbortSignal,
  ): Promise<WritableDisk>;
};
