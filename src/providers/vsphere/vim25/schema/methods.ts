/** Methods that we call, with their parameters in the protocol's order and what they return ('' is nothing). */
export const methods = {
  RetrieveServiceContent: { of: 'ServiceInstance', params: {}, returns: 'ServiceContent' },
  CurrentTime: { of: 'ServiceInstance', params: {}, returns: 'dateTime' },
  Login: {
    of: 'SessionManager',
    params: { userName: 'string', password: 'string', locale: 'string?' },
    returns: 'UserSession',
  },
  Logout: { of: 'SessionManager', params: {}, returns: '' },
  AcquireGenericServiceTicket: {
    of: 'SessionManager',
    params: { spec: 'SessionManagerServiceRequestSpec' },
    returns: 'SessionManagerGenericServiceTicket',
  },
  TerminateSession: { of: 'SessionManager', params: { sessionId: 'string[]' }, returns: '' },

  CreateContainerView: {
    of: 'ViewManager',
    params: { container: '&ManagedEntity', type: 'string[]', recursive: 'boolean' },
    returns: '&ContainerView',
  },
  DestroyView: { of: 'ContainerView', params: {}, returns: '' },
  RetrievePropertiesEx: {
    of: 'PropertyCollector',
    params: { specSet: 'PropertyFilterSpec[]', options: 'RetrieveOptions' },
    returns: 'RetrieveResult?',
  },
  ContinueRetrievePropertiesEx: {
    of: 'PropertyCollector',
    params: { token: 'string' },
    returns: 'RetrieveResult',
  },
  CancelRetrievePropertiesEx: { of: 'PropertyCollector', params: { token: 'string' }, returns: '' },
  CreatePropertyCollector: { of: 'PropertyCollector', params: {}, returns: '&PropertyCollector' },
  DestroyPropertyCollector: { of: 'PropertyCollector', params: {}, returns: '' },
  CreateFilter: {
    of: 'PropertyCollector',
    params: { spec: 'PropertyFilterSpec', partialUpdates: 'boolean' },
    returns: '&PropertyFilter',
  },
  DestroyPropertyFilter: { of: 'PropertyFilter', params: {}, returns: '' },
  WaitForUpdatesEx: {
    of: 'PropertyCollector',
    params: { version: 'string?', options: 'WaitOptions?' },
    returns: 'UpdateSet?',
  },
  CancelWaitForUpdates: { of: 'PropertyCollector', params: {}, returns: '' },

  HasPrivilegeOnEntities: {
    of: 'AuthorizationManager',
    params: { entity: '&ManagedEntity[]', sessionId: 'string', privId: 'string[]' },
    returns: 'EntityPrivilege[]',
  },
  FetchUserPrivilegeOnEntities: {
    of: 'AuthorizationManager',
    params: { entities: '&ManagedEntity[]', userName: 'string' },
    returns: 'UserPrivilegeResult[]',
  },

  PowerOnVM_Task: { of: 'VirtualMachine', params: { host: '&HostSystem?' }, returns: '&Task' },
  PowerOffVM_Task: { of: 'VirtualMachine', params: {}, returns: '&Task' },
  SuspendVM_Task: { of: 'VirtualMachine', params: {}, returns: '&Task' },
  ShutdownGuest: { of: 'VirtualMachine', params: {}, returns: '' },
  ReconfigVM_Task: { of: 'VirtualMachine', params: { spec: 'VirtualMachineConfigSpec' }, returns: '&Task' },
  CreateSnapshot_Task: {
    of: 'VirtualMachine',
    params: { name: 'string', description: 'string?', memory: 'boolean', quiesce: 'boolean' },
    returns: '&Task',
  },
  RemoveSnapshot_Task: {
    of: 'VirtualMachineSnapshot',
    params: { removeChildren: 'boolean', consolidate: 'boolean?' },
    returns: '&Task',
  },
  RemoveAllSnapshots_Task: { of: 'VirtualMachine', params: { consolidate: 'boolean?' }, returns: '&Task' },
  RevertToSnapshot_Task: {
    of: 'VirtualMachineSnapshot',
    params: { host: '&HostSystem?', suppressPowerOn: 'boolean?' },
    returns: '&Task',
  },
  ConsolidateVMDisks_Task: { of: 'VirtualMachine', params: {}, returns: '&Task' },
  QueryChangedDiskAreas: {
    of: 'VirtualMachine',
    params: {
      snapshot: '&VirtualMachineSnapshot?',
      deviceKey: 'int',
      startOffset: 'long',
      changeId: 'string',
    },
    returns: 'DiskChangeInfo',
  },
  ExportVm: { of: 'VirtualMachine', params: {}, returns: '&HttpNfcLease' },
  ExportSnapshot: { of: 'VirtualMachineSnapshot', params: {}, returns: '&HttpNfcLease' },
  HttpNfcLeaseProgress: { of: 'HttpNfcLease', params: { percent: 'int' }, returns: '' },
  HttpNfcLeaseComplete: { of: 'HttpNfcLease', params: {}, returns: '' },
  HttpNfcLeaseAbort: { of: 'HttpNfcLease', params: { fault: 'LocalizedMethodFault?' }, returns: '' },
  HttpNfcLeaseGetManifest: { of: 'HttpNfcLease', params: {}, returns: 'HttpNfcLeaseManifestEntry[]' },

  Rename_Task: { of: 'ManagedEntity', params: { newName: 'string' }, returns: '&Task' },
  Destroy_Task: { of: 'ManagedEntity', params: {}, returns: '&Task' },
  CreateVM_Task: {
    of: 'Folder',
    params: { config: 'VirtualMachineConfigSpec', pool: '&ResourcePool', host: '&HostSystem?' },
    returns: '&Task',
  },
  CreateFolder: { of: 'Folder', params: { name: 'string' }, returns: '&Folder' },
  MoveIntoFolder_Task: { of: 'Folder', params: { list: '&ManagedEntity[]' }, returns: '&Task' },
  CancelTask: { of: 'Task', params: {}, returns: '' },
  FindByUuid: {
    of: 'SearchIndex',
    params: {
      datacenter: '&Datacenter?',
      uuid: 'string',
      vmSearch: 'boolean',
      instanceUuid: 'boolean?',
    },
    returns: '&ManagedEntity?',
  },
  FindAllByUuid: {
    of: 'SearchIndex',
    params: {
      datacenter: '&Datacenter?',
      uuid: 'string',
      vmSearch: 'boolean',
      instanceUuid: 'boolean?',
    },
    returns: '&ManagedEntity[]',
  },
} as const;
