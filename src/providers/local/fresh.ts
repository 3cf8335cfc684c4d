import { stat } from 'node:fs/promises';

const clusterBytes = 64 * 1024;

/**
 * Whether nothing was ever written to an image of ours, so that holes need not be written either. An adopted disk of an
 * earlier attempt may hold other data where the source now has holes. In doubt it says no, which costs a few
 * zero-writes and nothing else. Missing files are not fresh; whoever opens them will say so.
 */
export async function isFresh(
  path: string,
  image: { readonly format: 'raw' | 'qcow2'; readonly sizeBytes: number },
): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return false;
  if (image.format === 'raw') return found.blocks === 0;
  // Header, refcount table, refcount block, and the L1 table: the first data cluster can only come after these.
  const l1Bytes = Math.ceil(image.sizeBytes / (clusterBytes * (clusterBytes / 8))) * 8;
  return found.size <= clusterBytes * (3 + Math.ceil(l1Bytes / clusterBytes));
}
