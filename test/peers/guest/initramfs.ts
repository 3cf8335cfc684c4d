/** An initial RAM file system: `newc` cpio archives, written by hand because they must need neither root nor a tool. */
import { gzipSync } from 'node:zlib';
import type { KernelModule } from './kernel.ts';

export type Entry =
  | { readonly name: string; readonly kind: 'directory' }
  | { readonly name: string; readonly kind: 'file'; readonly content: Buffer; readonly mode: number }
  | { readonly name: string; readonly kind: 'link'; readonly to: string }
  | { readonly name: string; readonly kind: 'character'; readonly major: number; readonly minor: number };

/** A gzip'd cpio archive. Several of them, one after the other, are one initial RAM file system to the kernel. */
export function archive(entries: readonly Entry[]): Buffer {
  const parts = entries.map((entry, index) => record(entry, index + 1));
  return gzipSync(Buffer.concat([...parts, record({ name: 'TRAILER!!!', kind: 'link', to: '' }, 0)]), { level: 6 });
}

/** Modules as the guest's /init wants them: files, and a list of them in loading order. */
export function moduleEntries(list: string, modules: readonly KernelModule[]): Entry[] {
  return [
    { name: 'modules', kind: 'directory' },
    { name: 'modules.d', kind: 'directory' },
    ...modules.map(
      (each): Entry => ({ name: `modules/${each.name}.ko`, kind: 'file', content: each.content, mode: 0o644 }),
    ),
    {
      name: `modules.d/${list}`,
      kind: 'file',
      content: Buffer.from(modules.map((each) => `${each.name}\n`).join('')),
      mode: 0o644,
    },
  ];
}

function record(entry: Entry, inode: number): Buffer {
  const body = entry.kind === 'file' ? entry.content : entry.kind === 'link' ? Buffer.from(entry.to) : Buffer.alloc(0);
  const mode = { directory: 0o040755, file: 0o100000, link: 0o120777, character: 0o020600 }[entry.kind];
  const device = entry.kind === 'character' ? [entry.major, entry.minor] : [0, 0];
  const name = Buffer.from(`${entry.name}\0`);
  const numbers = [
    inode,
    entry.kind === 'file' ? mode | entry.mode : mode,
    0, // uid
    0, // gid
    1, // links
    0, // time: the archive must come out the same each time
    body.length,
    0,
    0,
    ...device,
    name.length,
    0,
  ];
  const header = Buffer.from(`070701${numbers.map((n) => n.toString(16).padStart(8, '0')).join('')}`);
  return Buffer.concat([pad(Buffer.concat([header, name])), pad(body)]);
}

function pad(part: Buffer): Buffer {
  return Buffer.concat([part, Buffer.alloc((4 - (part.length % 4)) % 4)]);
}
