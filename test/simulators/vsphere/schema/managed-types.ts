/** Managed objects and the properties that the property collector reads of them. */
export const managedTypes = `
ManagedObject
ExtensibleManagedObject < ManagedObject: value? CustomFieldValue[], availableField? CustomFieldDef[]
ManagedEntity < ExtensibleManagedObject: parent? ref, customValue? CustomFieldValue[], overallStatus ManagedEntityStatus,
  configStatus ManagedEntityStatus, effectiveRole? int[], name string, disabledMethod? string[], recentTask? ref[], tag? Tag[],
  alarmActionsEnabled? boolean
Folder < ManagedEntity: childType? string[], childEntity? ref[]
StoragePod < Folder
Datacenter < ManagedEntity: vmFolder ref, hostFolder ref, datastoreFolder ref, networkFolder ref, datastore? ref[],
  network? ref[]
ComputeResource < ManagedEntity: resourcePool? ref, host? ref[], datastore? ref[], network? ref[],
  summary ComputeResourceSummary, configurationEx ComputeResourceConfigInfo
ClusterComputeResource < ComputeResource: configuration ClusterConfigInfo
ResourcePool < ManagedEntity: owner ref, resourcePool? ref[], vm? ref[]
VirtualApp < ResourcePool: parentFolder? ref, datastore? ref[], network? ref[]
HostSystem < ManagedEntity: runtime HostRuntimeInfo, summary HostListSummary, hardware? HostHardwareInfo,
  config? HostConfigInfo, vm? ref[], datastore? ref[], network? ref[]
Datastore < ManagedEntity: info DatastoreInfo, summary DatastoreSummary, host? DatastoreHostMount[], vm? ref[]
Network < ManagedEntity: summary NetworkSummary, host? ref[], vm? ref[]
DistributedVirtualPortgroup < Network: key string, config DVPortgroupConfigInfo
OpaqueNetwork < Network
DistributedVirtualSwitch < ManagedEntity: uuid string, summary DVSSummary, config DVSConfigInfo, portgroup? ref[]
VmwareDistributedVirtualSwitch < DistributedVirtualSwitch
VirtualMachine < ManagedEntity: config? VirtualMachineConfigInfo, layoutEx? VirtualMachineFileLayoutEx,
  storage? VirtualMachineStorageInfo, resourceConfig? ResourceConfigSpec, resourcePool? ref, parentVApp? ref,
  datastore? ref[], network? ref[], snapshot? VirtualMachineSnapshotInfo, rootSnapshot? ref[], guest? GuestInfo,
  guestHeartbeatStatus ManagedEntityStatus, runtime VirtualMachineRuntimeInfo, summary VirtualMachineSummary
VirtualMachineSnapshot < ExtensibleManagedObject: config VirtualMachineConfigInfo, childSnapshot? ref[], vm ref
Task < ExtensibleManagedObject: info TaskInfo
HttpNfcLease < ManagedObject: initializeProgress int, transferProgress int, mode string, info? HttpNfcLeaseInfo,
  state HttpNfcLeaseState, error? LocalizedMethodFault
ServiceInstance < ManagedObject: serverClock dateTime, content ServiceContent
SessionManager < ManagedObject: sessionList? UserSession[], currentSession? UserSession, defaultLocale string
AuthorizationManager < ManagedObject: roleList? AuthorizationRole[]
LicenseManager < ManagedObject: licenses? LicenseManagerLicenseInfo[], licensedEdition string
ViewManager < ManagedObject: viewList? ref[]
View < ManagedObject
ManagedObjectView < View: view? ref[]
ContainerView < ManagedObjectView: container ref, type? string[], recursive boolean
PropertyCollector < ManagedObject: filter? ref[]
PropertyFilter < ManagedObject: spec PropertyFilterSpec, partialUpdates boolean
SearchIndex < ManagedObject
TaskManager < ManagedObject: recentTask? ref[], maxCollector int
`;

/** Enumerations and their values. */
export const enumerations: Readonly<Record<string, readonly string[]>> = {
  PropertyChangeOp: ['add', 'remove', 'assign', 'indirectRemove'],
  ObjectUpdateKind: ['modify', 'enter', 'leave'],
  TaskInfoState: ['queued', 'running', 'success', 'error'],
  HttpNfcLeaseState: ['initializing', 'ready', 'done', 'error'],
  ManagedEntityStatus: ['gray', 'green', 'yellow', 'red'],
  SharesLevel: ['low', 'normal', 'high', 'custom'],
  DpmBehavior: ['manual', 'automated'],
  DrsBehavior: ['manual', 'partiallyAutomated', 'fullyAutomated'],
  VirtualMachinePowerState: ['poweredOff', 'poweredOn', 'suspended'],
  VirtualMachineConnectionState: ['connected', 'disconnected', 'orphaned', 'inaccessible', 'invalid'],
  VirtualMachineFaultToleranceState: ['notConfigured', 'disabled', 'enabled', 'needSecondary', 'starting', 'running'],
  VirtualMachineToolsStatus: ['toolsNotInstalled', 'toolsNotRunning', 'toolsOld', 'toolsOk'],
  VirtualSCSISharing: ['noSharing', 'virtualSharing', 'physicalSharing'],
  VirtualDeviceConfigSpecOperation: ['add', 'remove', 'edit'],
  VirtualDeviceConfigSpecFileOperation: ['create', 'destroy', 'replace'],
  HostSystemConnectionState: ['connected', 'notResponding', 'disconnected'],
  HostSystemPowerState: ['poweredOn', 'poweredOff', 'standBy', 'unknown'],
};
