import type { FileRange, ImageTools, StoredImage } from '../../transfer/disk.ts';
import { identityOfFile } from './local-file.ts';

/** No descriptor of a VMDK is larger (transfer/inspect); what is, has its data in itself. */
const maxDescriptorBytes = 2 ** 20;

/**
 * Equal as long as all files that the image's content lies in are the same ones and were not written to: the descriptor of a
 * flat VMDK does not change when its data file does. @throws as `identityOfFile`, and image.* when it is no image any more
 */
export async function identityOfImage(image: StoredImage, tools: ImageTools, signal: AbortSignal): Promise<string> {
  const own = await identityOf(image);
  if (image.format !== 'vmdk' || image.gzip || image.lengthBytes > maxDescriptorBytes) return own;
  const others = new Map<string, FileRange>();
  const sibling: StoredImage['sibling'] = (name) => {
    const found = image.sibling(name);
    if (found !== null && found.path !== image.path) others.set(found.path, found);
    return found;
  };
  await tools.inspect({ ...image, sibling }, signal);
  const extents = await Promise.all([...others.values()].map(identityOf));
  return [own, ...extents].join(' + ');
}

async function identityOf({ path, remote }: FileRange): Promise<string> {
  return remote?.identity ?? identityOfFile(path);
}
