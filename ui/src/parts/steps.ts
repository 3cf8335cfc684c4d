/** A step by the words that people read. A step of a newer server is shown by its name. */
const titles: Readonly<Record<string, string>> = {
  preflight: 'Preflight',
  'create-disks': 'Create disks',
  copy: 'Copy',
  convert: 'Convert',
  'check-manifest': 'Check checksums',
  verify: 'Verify',
  apply: 'Apply conversion',
  'create-vm': 'Create VM',
  'power-on': 'Power on',
  'check-boot': 'Check boot',
  finalize: 'Hand over',
  'clean-up': 'Clean up',
  undo: 'Undo',
};

export function stepTitle(name: string): string {
  return titles[name] ?? name;
}
