/** What each method needs on the object that it is called on, as the vSphere reference says. */
export const needed: Readonly<Record<string, string>> = {
  PowerOnVM_Task: 'VirtualMachine.Interact.PowerOn',
  PowerOffVM_Task: 'VirtualMachine.Interact.PowerOff',
  ShutdownGuest: 'VirtualMachine.Interact.PowerOff',
  RebootGuest: 'VirtualMachine.Interact.Reset',
  ResetVM_Task: 'VirtualMachine.Interact.Reset',
  StandbyGuest: 'VirtualMachine.Interact.Suspend',
  SuspendVM_Task: 'VirtualMachine.Interact.Suspend',
  AnswerVM: 'VirtualMachine.Interact.AnswerQuestion',
  CreateSnapshot_Task: 'VirtualMachine.State.CreateSnapshot',
  RemoveSnapshot_Task: 'VirtualMachine.State.RemoveSnapshot',
  RemoveAllSnapshots_Task: 'VirtualMachine.State.RemoveSnapshot',
  RevertToSnapshot_Task: 'VirtualMachine.State.RevertToSnapshot',
  RenameSnapshot: 'VirtualMachine.State.RenameSnapshot',
  QueryChangedDiskAreas: 'VirtualMachine.Provisioning.DiskRandomRead',
  ExportVm: 'VApp.Export',
  ExportSnapshot: 'VApp.Export',
  CloneVM_Task: 'VirtualMachine.Provisioning.Clone',
  MarkAsTemplate: 'VirtualMachine.Provisioning.MarkAsTemplate',
  MarkAsVirtualMachine: 'VirtualMachine.Provisioning.MarkAsVM',
  CreateVM_Task: 'VirtualMachine.Inventory.Create',
  UnregisterVM: 'VirtualMachine.Inventory.Unregister',
  TerminateSession: 'Sessions.TerminateSession',
};

/** What a free licence of ESXi does not let through: all that changes a VM, and exports. */
export const prohibitedByLicence: ReadonlySet<string> = new Set([
  ...Object.keys(needed).filter((method) => method !== 'TerminateSession'),
  'ReconfigVM_Task',
  'Rename_Task',
  'Destroy_Task',
  'ConsolidateVMDisks_Task',
  'MigrateVM_Task',
]);
