/** Faults, with the classes they belong to: a client may catch any of its bases. */
export const faultTypes = `
LocalizableMessage: key string, arg? KeyAnyValue[], message? string
LocalizedMethodFault: fault MethodFault, localizedMessage? string
MethodFault: faultCause? LocalizedMethodFault, faultMessage? LocalizableMessage[]
RuntimeFault < MethodFault
VimFault < MethodFault
InvalidRequest < RuntimeFault
InvalidType < InvalidRequest: argument? string
MethodNotFound < InvalidRequest: receiver ref, method string
InvalidArgument < RuntimeFault: invalidProperty? string
ManagedObjectNotFound < RuntimeFault: obj ref
NotSupported < RuntimeFault
NotImplemented < RuntimeFault
RequestCanceled < RuntimeFault
SystemError < RuntimeFault: reason string
HostCommunication < RuntimeFault
HostNotReachable < HostCommunication
SecurityError < RuntimeFault
NoPermission < SecurityError: object? ref, privilegeId? string, missingPrivileges? NoPermissionEntityPrivileges[]
NoPermissionEntityPrivileges: entity ref, privilegeIds? string[]
NotAuthenticated < NoPermission
RestrictedVersion < SecurityError
InvalidProperty < MethodFault: name string
InvalidCollectorVersion < MethodFault
InvalidLogin < VimFault
InvalidLocale < VimFault
InvalidName < VimFault: name string, entity? ref
DuplicateName < VimFault: name string, object ref
NotFound < VimFault
AlreadyExists < VimFault: name? string
ConcurrentAccess < VimFault
ResourceInUse < VimFault: type? string, name? string
TaskInProgress < VimFault: task ref
Timedout < VimFault
ToolsUnavailable < VimFault
InvalidState < VimFault
InvalidPowerState < InvalidState: requestedState? VirtualMachinePowerState, existingState VirtualMachinePowerState
FileFault < VimFault: file string
FileLocked < FileFault
FileNotFound < FileFault
CannotAccessFile < FileFault
NoDiskSpace < FileFault: datastore string
InvalidDatastore < VimFault: datastore? ref, name? string
VmConfigFault < VimFault
InvalidVmConfig < VmConfigFault: property? string
GenericVmConfigFault < VmConfigFault: reason string
SnapshotFault < VimFault
SnapshotDisabled < SnapshotFault
SnapshotNoChange < SnapshotFault
SnapshotIncompatibleDeviceInVm < SnapshotFault: fault LocalizedMethodFault
TooManySnapshotLevels < SnapshotFault
ApplicationQuiesceFault < SnapshotFault
HotSnapshotMoveNotSupported < SnapshotFault
InsufficientResourcesFault < VimFault
`;
