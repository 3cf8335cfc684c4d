/** What Wherry has to be allowed in vSphere, for what, and the role that grants exactly this. */

export type Privilege = {
  readonly id: string;
  /** The kinds of migration, or the ways to read disks, that need it. */
  readonly for: string;
  /** Where it is asked for: on VMs, on datastores, or at the top. */
  readonly on: 'vm' | 'datastore' | 'root';
  /** Without it nothing can be migrated; others only one of several ways. */
  readonly required: boolean;
};

const privilege = (id: string, on: Privilege['on'], required: boolean, what: string): Privilege => ({
  id,
  on,
  required,
  for: what,
});

/** VMware's names; which call needs which: vSphere API reference, VDDK programming guide (virtual disk access). */
export const privileges: readonly Privilege[] = [
  privilege('System.View', 'vm', true, 'reading the inventory'),
  privilege('System.Read', 'vm', true, 'reading the inventory'),
  privilege('VirtualMachine.Interact.PowerOff', 'vm', true, 'cold and warm migration'),
  privilege('VirtualMachine.Interact.PowerOn', 'vm', true, 'giving a VM back after a failure'),
  privilege('VirtualMachine.Provisioning.DiskRandomRead', 'vm', true, 'reading disks'),
  privilege('VirtualMachine.Provisioning.GetVmFiles', 'vm', true, 'reading disks'),
  privilege('VirtualMachine.State.CreateSnapshot', 'vm', false, 'warm migration'),
  privilege('VirtualMachine.State.RemoveSnapshot', 'vm', false, 'warm migration'),
  privilege('VirtualMachine.Config.ChangeTracking', 'vm', false, 'warm migration'),
  privilege('VirtualMachine.Config.DiskLease', 'vm', false, 'reading disks by vddk'),
  privilege('VirtualMachine.Provisioning.DiskRandomAccess', 'vm', false, 'reading disks by vddk'),
  privilege('VApp.Export', 'vm', false, 'reading disks by nfc-lease'),
  privilege('Datastore.Browse', 'datastore', false, 'reading disks by https-range'),
  privilege('Datastore.FileManagement', 'datastore', false, 'reading disks by https-range'),
];

/** Everybody who is signed in has these; a role need not, and cannot, grant them by name. */
const inherent = new Set(['System.View', 'System.Read', 'System.Anonymous']);

/** Text to paste, in PowerCLI and in govc; `user` is quoted for each. */
export function roleText(user: string): string {
  const ids = privileges.map(({ id }) => id).filter((id) => !inherent.has(id));
  return [
    '# PowerCLI',
    `$ids = ${ids.map((id) => `'${id}'`).join(', ')}`,
    "New-VIRole -Name 'Wherry' -Privilege (Get-VIPrivilege -Id $ids)",
    `New-VIPermission -Entity (Get-Folder -NoRecursion) -Principal '${user.replaceAll("'", "''")}' -Role 'Wherry' -Propagate $true`,
    '',
    '# govc',
    `govc role.create Wherry ${ids.join(' ')}`,
    `govc permissions.set -principal '${user.replaceAll("'", "'\\''")}' -role Wherry -propagate=true /`,
    '',
  ].join('\n');
}
