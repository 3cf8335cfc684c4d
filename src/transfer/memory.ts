/**
 * Memory that threads share and that begins on a page, as the kernel wants it for I/O past the page cache (O_DIRECT).
 * `new SharedArrayBuffer` does not (malloc puts its own header before it), and JavaScript cannot see addresses; the memory
 * of WebAssembly is mapped, hence aligned. It costs address space (10 GiB reserved each), memory only where it is touched.
 *
 * Pages of 2 MiB make requests past the page cache faster: one of 4 MiB is a handful of pieces for the device instead of a
 * thousand (1 GiB in 0.5 s instead of 0.9, docs/benchmarks.md). Where the kernel gives them to those that ask (`madvise` in
 * /sys/kernel/mm/transparent_hugepage/enabled) only malloc can ask for us, and does so when the process was started with
 * `hugePages`. Then large memory comes from malloc: glibc maps each piece of more than 32 MiB for itself, whatever it has
 * learned (DEFAULT_MMAP_THRESHOLD_MAX), with a header of 16 bytes. Were that not so, the kernel would refuse the requests
 * (EINVAL), and who makes them has another way: slower, never wrong.
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
/** Where in its memory the first page begins, for what is made here. */
const firstPage = new WeakMap<ArrayBufferLike, number>();

/** In GLIBC_TUNABLES of a process that copies (worker/child-process.ts): malloc asks for pages of 2 MiB. */
const hugePages = 'glibc.malloc.hugetlb=1';
/** Memory as large as this, with a page to align it by, is a mapping of its own. */
const ownMappingBytes = 32 * 1024 * 1024;
const mallocHeaderBytes = 16;

/** Zeros, page-aligned, at least `bytes` long. */
export function sharedMemory(bytes: number): SharedBuffer {
  if (bytes >= ownMappingBytes && process.env['GLIBC_TUNABLES'] === hugePages) {
    const memory = new SharedArrayBuffer(bytes + alignBytes);
    const start = alignBytes - mallocHeaderBytes;
    firstPage.set(memory, start);
    return Buffer.from(memory, start, bytes);
  }
  const pages = Math.ceil(bytes / wasmPageBytes);
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  firstPage.set(buffer, 0);
  return Buffer.from(buffer);
}

/** Whether the kernel takes this buffer for O_DIRECT. */
export function isPageAligned(buffer: Buffer): boolean {
  const start = firstPage.get(buffer.buffer);
  return start !== undefined && (buffer.byteOffset - start) % alignBytes === 0;
}

export function isShared(buffer: Buffer): buffer is SharedBuffer {
  return buffer.buffer instanceof SharedArrayBuffer;
}
