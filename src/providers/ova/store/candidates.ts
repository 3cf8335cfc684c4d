/** Which files of a directory may be VMs. Pure: names only; what they really are is found by reading them. */
import type { StoreFile } from './walk.ts';

export type Candidate = {
  readonly kind: 'ova' | 'ovf' | 'domain-xml' | 'image';
  readonly file: StoreFile;
};

/** Files that describe VMs, and images that may turn out to belong to one of those. */
export type Candidates = { readonly described: readonly Candidate[]; readonly images: readonly Candidate[] };

const images = /\.(vmdk|qcow2|raw|img|vhd|vpc|vhdx)(\.gz)?$/i;
/** Extents and differences: parts of an image that has a file of its own, whatever VMware calls them. */
const parts = /-(flat|delta|ctk|sesparse|rdmp?|s\d{3}|f\d{3}|\d{6})\.vmdk$/i;

export function candidatesIn(files: readonly StoreFile[]): Candidates {
  const described: Candidate[] = [];
  const bare: Candidate[] = [];
  for (const file of files) {
    if (/\.ova$/i.test(file.name)) described.push({ kind: 'ova', file });
    else if (/\.ovf$/i.test(file.name)) described.push({ kind: 'ovf', file });
    else if (/\.xml$/i.test(file.name)) described.push({ kind: 'domain-xml', file });
    else if (images.test(file.name) && !parts.test(file.name)) bare.push({ kind: 'image', file });
  }
  return { described, images: bare };
}
