/** Files that were dropped or chosen, with their names in the store: those of a folder keep it. */
export type Given = { readonly file: File; readonly path: string };

export function chosen(files: FileList): readonly Given[] {
  return Array.from(files, (file) => ({ file, path: file.webkitRelativePath || file.name }));
}

/** Folders are looked into, one level deep: that is what a store takes. */
export async function dropped(items: DataTransferItemList): Promise<readonly Given[]> {
  // All at once: after the first wait the browser forgets what was dropped.
  const entries = Array.from(items, (item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const given = await Promise.all(entries.map((entry) => filesOf(entry)));
  return given.flat();
}

async function filesOf(entry: FileSystemEntry): Promise<readonly Given[]> {
  const path = entry.fullPath.replace(/^\//, '');
  if (entry instanceof FileSystemFileEntry) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
    return [{ file, path }];
  }
  if (!(entry instanceof FileSystemDirectoryEntry)) return [];
  const inside = await Promise.all((await entriesOf(entry)).map((each) => filesOf(each)));
  return inside.flat();
}

/** A directory is read in portions, until one is empty. */
async function entriesOf(directory: FileSystemDirectoryEntry): Promise<readonly FileSystemEntry[]> {
  const reader = directory.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    all.push(...some);
  }
}
