/**
 * Whether a chosen file is the one that an upload was begun with. A file of the same name and size may hold something else,
 * and the halves of two files are none: only when it was last changed at the same moment is it gone on with.
 */
const keyOf = (uploadId: string): string => `wherry.upload.${uploadId}`;

export function remember(uploadId: string, file: File): void {
  try {
    window.localStorage.setItem(keyOf(uploadId), String(file.lastModified));
  } catch {
    // Browsers may keep nothing (private windows): then it begins anew.
  }
}

export function wasSent(uploadId: string, file: File): boolean {
  try {
    return window.localStorage.getItem(keyOf(uploadId)) === String(file.lastModified);
  } catch {
    return false; // as above
  }
}

export function forget(uploadId: string): void {
  try {
    window.localStorage.removeItem(keyOf(uploadId));
  } catch {
    // as above
  }
}
