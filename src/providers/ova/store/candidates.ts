/** Which files of a directory may be VMs. Pure: names only; what they really are is found by reading them. */
import type { StoreFile } from './walk.ts';

export type CandidateKind = 'ova' | 'ovf' | 'domain-xml' | 'image';
export type Candidate = {
  readonly kind: CandidateKind;
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
    const kind = kindOfName(file.name);
    if (kind === 'image') bare.push({ kind, file });
    else if (kind !== null) described.push({ kind, file });
  }
  return { described, images: bare };
}

/** Null: it is none. */
export function kindOfName(name: string): CandidateKind | null {
  if (/\.ova$/i.test(name)) return 'ova';
  if (/\.ovf$/i.test(name)) return 'ovf';
  if (/\.xml$/i.test(name)) return 'domain-xml';
  return images.test(name) && !parts.test(name) ? 'image' : null;
}
