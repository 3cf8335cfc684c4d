/** What statfs(2) says of a file system; counts are of `frsize`, which FUSE and network file systems make smaller than `bsize`. */
export type FileSystemStats = { readonly frsize: number; readonly blocks: number; readonly bavail: number };

/** Room of a file system in bytes, as libvirt and df count it; `freeBytes` is what others than root may use. */
export function roomOf({ frsize, blocks, bavail }: FileSystemStats): {
  readonly capacityBytes: number;
  readonly freeBytes: number;
} {
  return { capacityBytes: blocks * frsize, freeBytes: bavail * frsize };
}
