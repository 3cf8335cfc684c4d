/**
 * Managed objects: what lives at the server and is pointed at by references. `properties` are those that the property
 * collector is asked for; a dotted path goes on into the data types.
 */
export const managed = {
  ManagedObject: { properties: {} },
  ExtensibleManagedObject: {
    base: 'ManagedObject',
    properties: { value: 'CustomFieldValue[]', availableField: 'CustomFieldDef[]' },
  },
  ManagedEntity: {
    base: 'ExtensibleManagedObject',
    properties: {
      parent: '&ManagedEntity?',
      customValue: 'CustomFieldValue[]',
      overallStatus: 'string',
      effectiveRole: 'int[]',
      name: 'string',
      tag: 'Tag[]',
      recentTask: '&Task[]',
    },
  },
  Folder: { base: 'ManagedEntity', properties: { childType: 'string[]', childEntity: '&ManagedEntity[]' } },
  Datacenter: {
    base: 'ManagedEntity',
    properties: {
      vmFolder: '&Folder',
      hostFolder: '&Folder',
      datastoreFolder: '&Folder',
      networkFolder: '&Folder',
      datastore: '&Datastore[]',
      network: '&Network[]',
    },
  },
  ComputeResource: {
    base: 'ManagedEntity',
    properties: {
      resourcePool: '&ResourcePool?',
      host: '&HostSystem[]',
      datastore: '&Datastore[]',
      network: '&Network[]',
    },
  },
  ClusterComputeResource: {
    base: 'ComputeResource',
    properties: { configurationEx: 'ClusterConfigInfoEx' },
  },
  ResourcePool: {
    base: 'ManagedEntity',
    properties: { owner: '&ComputeResource', resourcePool: '&ResourcePool[]', vm: '&VirtualMachine[]' },
  },
  VirtualApp: {
    base: 'ResourcePool',
    properties: { parentFolder: '&Folder?', datastore: '&Datastore[]', network: '&Network[]' },
  },
  HostSystem: {
    base: 'ManagedEntity',
    properties: {
      runtime: 'HostRuntimeInfo',
      summary: 'HostListSummary',
      config: 'HostConfigInfo?',
      vm: '&VirtualMachine[]',
      datastore: '&Datastore[]',
      network: '&Network[]',
    },
  },
  Datastore: {
    base: 'ManagedEntity',
    properties: { info: 'DatastoreInfo', summary: 'DatastoreSummary', vm: '&VirtualMachine[]' },
  },
  StoragePod: { base: 'Folder', properties: {} },
  Network: { base: 'ManagedEntity', properties: { summary: 'NetworkSummary', vm: '&VirtualMachine[]' } },
  OpaqueNetwork: { base: 'Network', properties: {} },
  DistributedVirtualPortgroup: {
    base: 'Network',
    properties: { key: 'string', config: 'DVPortgroupConfigInfo' },
  },
  DistributedVirtualSwitch: { base: 'ManagedEntity', properties: { uuid: 'string' } },
  VmwareDistributedVirtualSwitch: { base: 'DistributedVirtualSwitch', properties: {} },
  VirtualMachine: {
    base: 'ManagedEntity',
    properties: {
      config: 'VirtualMachineConfigInfo?',
      layoutEx: 'VirtualMachineFileLayoutEx?',
      resourcePool: '&ResourcePool?',
      parentVApp: '&ManagedEntity?',
      runtime: 'VirtualMachineRuntimeInfo',
      guest: 'GuestInfo?',
      snapshot: 'VirtualMachineSnapshotInfo?',
      rootSnapshot: '&VirtualMachineSnapshot[]',
      datastore: '&Datastore[]',
      network: '&Network[]',
    },
  },
  VirtualMachineSnapshot: {
    base: 'ExtensibleManagedObject',
    properties: {
      config: 'VirtualMachineConfigInfo',
      childSnapshot: '&VirtualMachineSnapshot[]',
      vm: '&VirtualMachine',
    },
  },
  Task: { base: 'ExtensibleManagedObject', properties: { info: 'TaskInfo' } },
  HttpNfcLease: {
    base: 'ManagedObject',
    properties: {
      initializeProgress: 'int',
      transferProgress: 'int',
      /** initializing, ready, done, error. */
      state: 'string',
      info: 'HttpNfcLeaseInfo?',
      error: 'LocalizedMethodFault?',
    },
  },
  LicenseManager: { base: 'ManagedObject', properties: { licenses: 'LicenseManagerLicenseInfo[]' } },
  AuthorizationManager: { base: 'ManagedObject', properties: { roleList: 'AuthorizationRole[]' } },
  SessionManager: {
    base: 'ManagedObject',
    properties: { currentSession: 'UserSession?', sessionList: 'UserSession[]' },
  },
  ContainerView: {
    base: 'ManagedObject',
    properties: { view: '&ManagedObject[]', container: '&ManagedEntity', type: 'string[]', recursive: 'boolean' },
  },
  ServiceInstance: {
    base: 'ManagedObject',
    properties: { serverClock: 'dateTime', content: 'ServiceContent' },
  },
} as const;
