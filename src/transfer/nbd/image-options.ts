/**
 * An image as qemu's block layer is told it: every driver by name, so that nothing is ever probed, and no reference inside
 * an image is followed. Written as `json:`, where a file name may hold commas, colons, quotes and spaces as it likes.
 */
export type QemuImage = {
  readonly path: string;
  /** Its bytes are an NBD export on this socket (the default one); `path` is only its name then. */
  readonly nbdSocket?: string;
  /** qemu counts in sectors: a raw file whose size is no multiple of 512 ends with up to 511 zeros more. */
  readonly format: 'raw' | 'qcow2' | 'vhd' | 'vhdx';
  /** `path` is a block device, not a file. */
  readonly blockDevice?: boolean;
  /** The image is only this part of the file. */
  readonly part?: { readonly offset: number; readonly lengthBytes: number };
  /**
   * qcow2: what the image names as its backing file is opened under it. Only for overlays of our own, made with an explicit
   * format (`-F raw`). Without it unallocated clusters read as zeros, whatever the image names.
   */
  readonly followBacking?: boolean;
  /** The file is read past the page cache, for tools that cannot be told so otherwise. */
  readonly pastCache?: boolean;
};

type Json = string | number | boolean | null | { readonly [name: string]: Json };

const sectorBytes = 512;

export function imageOptions(image: QemuImage): string {
  return `json:${JSON.stringify(formatNode(image))}`;
}

function formatNode(image: QemuImage): Json {
  const file = fileNode(image);
  if (image.format === 'raw') return image.part === undefined ? { driver: 'raw', file } : file;
  if (image.format === 'qcow2') {
    return image.followBacking === true ? { driver: 'qcow2', file } : { driver: 'qcow2', backing: null, file };
  }
  // The size that the footer says, not one from its geometry, which for some creators ends before the disk does.
  if (image.format === 'vhd') return { driver: 'vpc', force_size_calc: 'current_size', file };
  return { driver: 'vhdx', file };
}

function fileNode(image: QemuImage): Json {
  if (image.nbdSocket !== undefined) return { driver: 'nbd', server: { type: 'unix', path: image.nbdSocket } };
  const file = {
    driver: image.blockDevice === true ? 'host_device' : 'file',
    filename: image.path,
    ...(image.pastCache === true && { cache: { direct: true } }),
  };
  if (image.part === undefined) return file;
  const { offset, lengthBytes } = image.part;
  // qemu takes whole sectors only. What a member of an archive is padded with, image formats do not look at.
  const size = Math.ceil(lengthBytes / sectorBytes) * sectorBytes;
  return { driver: 'raw', offset, size, file };
}
