/**
 * How content is proved: a *leaf* is 4 MiB of a disk's logical content and has a SHA-256; 16 leaves make a *chunk* of
 * 64 MiB, whose digest is the SHA-256 over its leaves' digests in order. The last leaf and chunk of a disk may be short.
 * Holes count as zeros; the digest of a hole is known and costs nothing per byte. See threads.ts for the hashing.
 */
import { hash } from 'node:crypto';
import type { Range } from './disk.ts';

export const leafBytes = 4 * 1024 * 1024;
export const leavesPerChunk = 16;
export const chunkBytes = leafBytes * leavesPerChunk;
export const digestBytes = 32;

export function leafCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / leafBytes);
}

export function chunkCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / chunkBytes);
}

/** The bytes of a leaf; the last one of a disk may be short. */
export function leafRange(leaf: number, sizeBytes: number): Range {
  const offset = leaf * leafBytes;
  return { offset, length: Math.min(leafBytes, sizeBytes - offset) };
}

export function chunkRange(chunk: number, sizeBytes: number): Range {
  const offset = chunk * chunkBytes;
  return { offset, length: Math.min(chunkBytes, sizeBytes - offset) };
}

/** The first leaf of a chunk and the one after its last. */
export function leavesOfChunk(chunk: number, sizeBytes: number): { first: number; end: number } {
  const first = chunk * leavesPerChunk;
  return { first, end: Math.min(first + leavesPerChunk, leafCount(sizeBytes)) };
}

export function leafDigest(content: Buffer): Buffer {
  return hash('sha256', content, 'buffer');
}

/** @param leaves digests of all leaves of one chunk, in order. */
export function chunkDigest(leaves: readonly Buffer[]): Buffer {
  return hash('sha256', Buffer.concat(leaves), 'buffer');
}

const zeroLeaves = new Map<number, Buffer>();
const zeroChunks = new Map<number, Buffer>();

/** The digest of `length` zero bytes; computed once per length (a disk has at most two: full and last). */
export function zeroLeafDigest(length: number): Buffer {
  let digest = zeroLeaves.get(length);
  if (digest === undefined) {
    digest = leafDigest(Buffer.alloc(length));
    zeroLeaves.set(length, digest);
  }
  return digest;
}

/** The digest of a chunk of `length` zero bytes. */
export function zeroChunkDigest(length: number): Buffer {
  let digest = zeroChunks.get(length);
  if (digest === undefined) {
    const leaves: Buffer[] = [];
    for (let at = 0; at < length; at += leafBytes) leaves.push(zeroLeafDigest(Math.min(leafBytes, length - at)));
    digest = chunkDigest(leaves);
    zeroChunks.set(length, digest);
  }
  return digest;
}
