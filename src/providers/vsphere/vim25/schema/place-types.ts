/** Where VMs are: clusters, hosts, datastores, networks. */
export const placeTypes = {
  ClusterConfigInfoEx: {
    base: 'ComputeResourceConfigInfo',
    fields: {
      dasConfig: 'ClusterDasConfigInfo',
      drsConfig: 'ClusterDrsConfigInfo',
      drsVmConfig: 'ClusterDrsVmConfigInfo[]',
      rule: 'ClusterRuleInfo[]',
      dpmConfigInfo: 'ClusterDpmConfigInfo?',
      vsanConfigInfo: 'VsanClusterConfigInfo?',
      group: 'ClusterGroupInfo[]',
    },
  },
  ComputeResourceConfigInfo: { fields: { vmSwapPlacement: 'string', spbmEnabled: 'boolean?' } },
  ClusterDasConfigInfo: { fields: { enabled: 'boolean?', vmMonitoring: 'string?', hostMonitoring: 'string?' } },
  ClusterDrsConfigInfo: {
    fields: {
      enabled: 'boolean?',
      enableVmBehaviorOverrides: 'boolean?',
      /** manual, partiallyAutomated, fullyAutomated. */
      defaultVmBehavior: 'string?',
      vmotionRate: 'int?',
    },
  },
  ClusterDrsVmConfigInfo: { fields: { key: '&VirtualMachine', enabled: 'boolean?', behavior: 'string?' } },
  ClusterDpmConfigInfo: { fields: { enabled: 'boolean?', defaultDpmBehavior: 'string?' } },
  VsanClusterConfigInfo: { fields: { enabled: 'boolean?' } },
  ClusterRuleInfo: {
    fields: {
      key: 'int?',
      status: 'string?',
      enabled: 'boolean?',
      name: 'string?',
      mandatory: 'boolean?',
      userCreated: 'boolean?',
      inCompliance: 'boolean?',
      ruleUuid: 'string?',
    },
  },
  ClusterAffinityRuleSpec: { base: 'ClusterRuleInfo', fields: { vm: '&VirtualMachine[]' } },
  ClusterAntiAffinityRuleSpec: { base: 'ClusterRuleInfo', fields: { vm: '&VirtualMachine[]' } },
  ClusterVmHostRuleInfo: {
    base: 'ClusterRuleInfo',
    fields: { vmGroupName: 'string?', affineHostGroupName: 'string?', antiAffineHostGroupName: 'string?' },
  },
  ClusterGroupInfo: { fields: { name: 'string', userCreated: 'boolean?', uniqueID: 'string?' } },
  ClusterVmGroup: { base: 'ClusterGroupInfo', fields: { vm: '&VirtualMachine[]' } },
  ClusterHostGroup: { base: 'ClusterGroupInfo', fields: { host: '&HostSystem[]' } },

  HostHardwareSummary: {
    fields: {
      vendor: 'string',
      model: 'string',
      uuid: 'string',
      memorySize: 'long',
      cpuModel: 'string',
      cpuMhz: 'int',
      numCpuPkgs: 'short',
      numCpuCores: 'short',
      numCpuThreads: 'short',
      numNics: 'int',
      numHBAs: 'int',
    },
  },
  HostListSummary: {
    fields: {
      host: '&HostSystem?',
      hardware: 'HostHardwareSummary?',
      runtime: 'HostRuntimeInfo?',
      config: 'HostConfigSummary',
    },
  },
  HostConfigSummary: {
    fields: {
      name: 'string',
      port: 'int',
      sslThumbprint: 'string?',
      product: 'AboutInfo?',
      vmotionEnabled: 'boolean',
      faultToleranceEnabled: 'boolean?',
    },
  },
  HostConfigInfo: { fields: { host: '&HostSystem', product: 'AboutInfo', network: 'HostNetworkInfo?' } },
  HostNetworkInfo: { fields: { portgroup: 'HostPortGroup[]' } },
  HostRuntimeInfo: {
    fields: {
      connectionState: 'string',
      powerState: 'string',
      standbyMode: 'string?',
      inMaintenanceMode: 'boolean',
      inQuarantineMode: 'boolean?',
      bootTime: 'dateTime?',
    },
  },

  DatastoreSummary: {
    fields: {
      datastore: '&Datastore?',
      name: 'string',
      url: 'string',
      capacity: 'long',
      freeSpace: 'long',
      uncommitted: 'long?',
      accessible: 'boolean',
      multipleHostAccess: 'boolean?',
      /** VMFS, NFS, NFS41, vsan, VVOL, … */
      type: 'string',
      maintenanceMode: 'string?',
    },
  },
  DatastoreInfo: {
    fields: {
      name: 'string',
      url: 'string',
      freeSpace: 'long',
      maxFileSize: 'long',
      maxVirtualDiskCapacity: 'long?',
      maxMemoryFileSize: 'long?',
      timestamp: 'dateTime?',
      containerId: 'string?',
    },
  },
  VmfsDatastoreInfo: {
    base: 'DatastoreInfo',
    fields: {
      maxPhysicalRDMFileSize: 'long?',
      maxVirtualRDMFileSize: 'long?',
      vmfs: 'HostVmfsVolume?',
    },
  },
  NasDatastoreInfo: { base: 'DatastoreInfo', fields: { nas: 'HostNasVolume?' } },
  LocalDatastoreInfo: { base: 'DatastoreInfo', fields: { path: 'string?' } },
  VsanDatastoreInfo: { base: 'DatastoreInfo', fields: { membershipUuid: 'string?' } },
  HostFileSystemVolume: { fields: { type: 'string', name: 'string', capacity: 'long' } },
  HostVmfsVolume: {
    base: 'HostFileSystemVolume',
    fields: {
      blockSizeMb: 'int',
      blockSize: 'int?',
      maxBlocks: 'int',
      majorVersion: 'int',
      version: 'string',
      uuid: 'string',
      extent: 'HostScsiDiskPartition[]',
      vmfsUpgradable: 'boolean',
      ssd: 'boolean?',
      local: 'boolean?',
      scsiDiskType: 'string?',
    },
  },
  HostNasVolume: {
    base: 'HostFileSystemVolume',
    fields: { remoteHost: 'string', remotePath: 'string', userName: 'string?', remoteHostNames: 'string[]' },
  },
  HostScsiDiskPartition: { fields: { diskName: 'string', partition: 'int' } },

  NetworkSummary: { fields: { network: '&Network?', name: 'string', accessible: 'boolean', ipPoolName: 'string?' } },
  OpaqueNetworkSummary: {
    base: 'NetworkSummary',
    fields: { opaqueNetworkId: 'string', opaqueNetworkType: 'string' },
  },
  DVPortgroupConfigInfo: {
    fields: {
      key: 'string',
      name: 'string',
      numPorts: 'int',
      distributedVirtualSwitch: '&DistributedVirtualSwitch?',
      defaultPortConfig: 'DVPortSetting?',
      description: 'string?',
      type: 'string',
    },
  },
  DVPortSetting: { fields: {} },
  VMwareDVSPortSetting: { base: 'DVPortSetting', fields: { vlan: 'VmwareDistributedVirtualSwitchVlanSpec?' } },
  VmwareDistributedVirtualSwitchVlanSpec: { fields: { inherited: 'boolean' } },
  VmwareDistributedVirtualSwitchVlanIdSpec: {
    base: 'VmwareDistributedVirtualSwitchVlanSpec',
    fields: { vlanId: 'int' },
  },
  VmwareDistributedVirtualSwitchTrunkVlanSpec: {
    base: 'VmwareDistributedVirtualSwitchVlanSpec',
    fields: { vlanId: 'NumericRange[]' },
  },
  VmwareDistributedVirtualSwitchPvlanSpec: {
    base: 'VmwareDistributedVirtualSwitchVlanSpec',
    fields: { pvlanId: 'int' },
  },
  NumericRange: { fields: { start: 'int', end: 'int' } },
  HostPortGroup: { fields: { key: 'string?', spec: 'HostPortGroupSpec' } },
  HostPortGroupSpec: { fields: { name: 'string', vlanId: 'int', vswitchName: 'string' } },
} as const;
