/**
 * Memory that threads share and that begins on a page, as the kernel wants it for I/O past the page cache (O_DIRECT).
 * `new SharedArrayBuffer` does not (malloc puts its own header before it), and JavaScript cannot see addresses; the memory
 * of WebAssembly is mapped, hence aligned. It costs address space (10 GiB reserved each), memory only where it is touched.
 */
declare const WebAssembly: {
  readonly Memory: new (size: {
    initial: number;
    maximum: number;
    shared: true;
  }) => { readonly buffer: SharedArrayBuffer };
};

export type SharedBuffer = Buffer<SharedArrayBuffer>;

/** Alignment that every file system and device takes: the largest logical block there is. */
export const alignBytes = 4096;
const wasmPageBytes = 64 * 1024;
const aligned = new WeakSet<ArrayBufferLike>();

/** Zeros, page-aligned, at least `bytes` long (whole pages of 64 KiB). */
export function sharedMemory(bytes: number): SharedBuffer {
  const pages = Math.ceil(bytes / wasmPageBytes);
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  aligned.add(buffer);
  return Buffer.from(buffer);
}

/** Whether the kernel takes this buffer for O_DIRECT. */
export function isPageAligned(buffer: Buffer): boolean {
  return aligned.has(buffer.buffer) && buffer.byteOffset % alignBytes === 0;
}

export function isShared(buffer: Buffer): buffer is SharedBuffer {
  return buffer.buffer instanceof SharedArrayBuffer;
}
