import { parseFields, type Field } from './notation.ts';

/**
 * Methods with the class that has them, their parameters in the order of the wire, and what they return (`void` is nothing).
 * In the notation of the types: `Class.method -> returns: parameters`.
 */
const text = `
ServiceInstance.RetrieveServiceContent -> ServiceContent
ServiceInstance.CurrentTime -> dateTime
SessionManager.Login -> UserSession: userName string, password string, locale? string
SessionManager.Logout -> void
SessionManager.SessionIsActive -> boolean: sessionID string, userName string
SessionManager.TerminateSession -> void: sessionId string[]
SessionManager.AcquireGenericServiceTicket -> SessionManagerGenericServiceTicket: spec SessionManagerServiceRequestSpec
AuthorizationManager.HasPrivilegeOnEntities -> EntityPrivilege[]: entity ref[], sessionId string, privId? string[]
AuthorizationManager.FetchUserPrivilegeOnEntities -> UserPrivilegeResult[]: entities ref[], userName string
ViewManager.CreateContainerView -> ref: container ref, type? string[], recursive boolean
View.DestroyView -> void
PropertyCollector.RetrievePropertiesEx -> RetrieveResult?: specSet PropertyFilterSpec[], options RetrieveOptions
PropertyCollector.RetrieveProperties -> ObjectContent[]: specSet PropertyFilterSpec[]
PropertyCollector.ContinueRetrievePropertiesEx -> RetrieveResult: token string
PropertyCollector.CancelRetrievePropertiesEx -> void: token string
PropertyCollector.CreatePropertyCollector -> ref
PropertyCollector.DestroyPropertyCollector -> void
PropertyCollector.CreateFilter -> ref: spec PropertyFilterSpec, partialUpdates boolean
PropertyFilter.DestroyPropertyFilter -> void
PropertyCollector.WaitForUpdatesEx -> UpdateSet?: version? string, options? WaitOptions
PropertyCollector.CancelWaitForUpdates -> void
SearchIndex.FindByInventoryPath -> ref?: inventoryPath string
SearchIndex.FindByUuid -> ref?: datacenter? ref, uuid string, vmSearch boolean, instanceUuid? boolean
SearchIndex.FindAllByUuid -> ref[]: datacenter? ref, uuid string, vmSearch boolean, instanceUuid? boolean
SearchIndex.FindChild -> ref?: entity ref, name string
Task.CancelTask -> void
ManagedEntity.Rename_Task -> ref: newName string
ManagedEntity.Destroy_Task -> ref
Folder.CreateFolder -> ref: name string
Folder.MoveIntoFolder_Task -> ref: list ref[]
Folder.CreateVM_Task -> ref: config VirtualMachineConfigSpec, pool ref, host? ref
VirtualMachine.CloneVM_Task -> ref: folder ref, name string, spec VirtualMachineCloneSpec
VirtualMachine.UnregisterVM -> void
VirtualMachine.MigrateVM_Task -> ref: pool? ref, host? ref, priority string, state? VirtualMachinePowerState
VirtualMachine.MarkAsTemplate -> void
VirtualMachine.MarkAsVirtualMachine -> void: pool ref, host? ref
VirtualMachine.PowerOnVM_Task -> ref: host? ref
VirtualMachine.PowerOffVM_Task -> ref
VirtualMachine.SuspendVM_Task -> ref
VirtualMachine.ResetVM_Task -> ref
VirtualMachine.ShutdownGuest -> void
VirtualMachine.RebootGuest -> void
VirtualMachine.StandbyGuest -> void
VirtualMachine.AnswerVM -> void: questionId string, answerChoice string
VirtualMachine.ReconfigVM_Task -> ref: spec VirtualMachineConfigSpec
VirtualMachine.CreateSnapshot_Task -> ref: name string, description? string, memory boolean, quiesce boolean
VirtualMachine.RemoveAllSnapshots_Task -> ref: consolidate? boolean
VirtualMachine.ConsolidateVMDisks_Task -> ref
VirtualMachine.QueryChangedDiskAreas -> DiskChangeInfo: snapshot? ref, deviceKey int, startOffset long, changeId string
VirtualMachine.ExportVm -> ref
VirtualMachineSnapshot.RemoveSnapshot_Task -> ref: removeChildren boolean, consolidate? boolean
VirtualMachineSnapshot.RevertToSnapshot_Task -> ref: host? ref, suppressPowerOn? boolean
VirtualMachineSnapshot.RenameSnapshot -> void: name? string, description? string
VirtualMachineSnapshot.ExportSnapshot -> ref
HttpNfcLease.HttpNfcLeaseProgress -> void: percent int
HttpNfcLease.HttpNfcLeaseComplete -> void
HttpNfcLease.HttpNfcLeaseGetManifest -> HttpNfcLeaseManifestEntry[]
HttpNfcLease.HttpNfcLeaseAbort -> void: fault? LocalizedMethodFault
`;

export type Method = {
  readonly name: string;
  readonly of: string;
  readonly parameters: readonly Field[];
  readonly returns: { readonly type: string; readonly array: boolean } | null;
};

export const methods: ReadonlyMap<string, Method> = new Map(
  text
    .trim()
    .split('\n')
    .map((line) => {
      const match = /^(\w+)\.(\w+) -> (\w+)(\?|\[\])?(?:: (.*))?$/.exec(line);
      if (match === null) throw new Error(`not a method: '${line}'`);
      const [, of = '', name = '', type = '', suffix, parameters = ''] = match;
      const returns = type === 'void' ? null : { type, array: suffix === '[]' };
      return [name, { name, of, parameters: parseFields(parameters), returns }];
    }),
);
