/** Errors that say that something of ours was not found at a target, where only its owner can know whether it is gone for good. */
export const missing: ReadonlySet<string> = new Set([
  'files.directory_gone',
  'files.directory_other',
  'libvirt.volume_away',
]);
