/**
 * virt-v2v's short name of an operating system ("debian12", "rhel9.3", "win2k22") as the id that libosinfo, virt-manager
 * and Cockpit know it by. Null where there is none that is certain: a wrong one is worse than none.
 */
export function libosinfoId(shortName: string): string | null {
  const name = shortName.toLowerCase();
  for (const [pattern, prefix] of families) {
    const version = pattern.exec(name)?.[1];
    if (version !== undefined) return `${prefix}/${version}`;
  }
  const windows = Object.hasOwn(windowsIds, name) ? windowsIds[name] : undefined;
  return windows === undefined ? null : `http://microsoft.com/win/${windows}`;
}

const families: readonly (readonly [RegExp, string])[] = [
  [/^debian(\d+)(?:\.\d+)*$/, 'http://debian.org/debian'],
  [/^ubuntu(\d\d\.\d\d)$/, 'http://ubuntu.com/ubuntu'],
  [/^rhel(\d+\.\d+)$/, 'http://redhat.com/rhel'],
  [/^fedora(\d+)$/, 'http://fedoraproject.org/fedora'],
  [/^centos(\d+\.\d+)$/, 'http://centos.org/centos'],
  [/^opensuse(\d+\.\d+)$/, 'http://opensuse.org/opensuse'],
];

const windowsIds: Readonly<Record<string, string>> = {
  win7: '7',
  win8: '8',
  'win8.1': '8.1',
  win10: '10',
  win11: '11',
  win2k8: '2k8',
  win2k8r2: '2k8r2',
  win2k12: '2k12',
  win2k12r2: '2k12r2',
  win2k16: '2k16',
  win2k19: '2k19',
  win2k22: '2k22',
};
