/** Hosts, clusters, datastores, networks. */
export const hostTypes = `
HostHardwareSummary: vendor string, model string, uuid string, memorySize long, cpuModel string, cpuMhz int,
  numCpuPkgs short, numCpuCores short, numCpuThreads short, numNics int, numHBAs int
HostRuntimeInfo: connectionState HostSystemConnectionState, powerState HostSystemPowerState, standbyMode? string,
  inMaintenanceMode boolean, inQuarantineMode? boolean, bootTime? dateTime
HostConfigSummary: name string, port int, sslThumbprint? string, product? AboutInfo, vmotionEnabled boolean,
  faultToleranceEnabled? boolean
HostListSummaryQuickStats: overallCpuUsage? int, overallMemoryUsage? int, uptime? int
HostListSummary: host? ref, hardware? HostHardwareSummary, runtime? HostRuntimeInfo, config HostConfigSummary,
  quickStats HostListSummaryQuickStats, overallStatus ManagedEntityStatus, rebootRequired boolean,
  managementServerIp? string
HostIpConfig: dhcp boolean, ipAddress? string, subnetMask? string
HostVirtualNicSpec: ip? HostIpConfig, mac? string, portgroup? string, mtu? int
HostVirtualNic: device string, key string, portgroup string, spec HostVirtualNicSpec, port? string
PhysicalNicLinkInfo: speedMb int, duplex boolean
PhysicalNic: key? string, device string, pci string, driver? string, linkSpeed? PhysicalNicLinkInfo, mac string
HostVirtualSwitch: name string, key string, numPorts int, numPortsAvailable int, mtu? int, portgroup? string[],
  pnic? string[]
HostPortGroupSpec: name string, vlanId int, vswitchName string
HostPortGroup: key? string, vswitch? string, spec HostPortGroupSpec
HostNetworkInfo: vswitch? HostVirtualSwitch[], portgroup? HostPortGroup[], pnic? PhysicalNic[], vnic? HostVirtualNic[]
ScsiLunDescriptor: quality string, id string
ScsiLun: deviceName string, deviceType string, key? string, uuid string, descriptor? ScsiLunDescriptor[],
  canonicalName? string, displayName? string, lunType string, vendor? string, model? string
HostScsiDisk < ScsiLun: devicePath string, ssd? boolean, localDisk? boolean
HostStorageDeviceInfo: scsiLun? ScsiLun[]
HostConfigInfo: host ref, product AboutInfo, storageDevice? HostStorageDeviceInfo, network? HostNetworkInfo
HostSystemInfo: vendor string, model string, uuid string
HostHardwareInfo: systemInfo HostSystemInfo, memorySize long
ComputeResourceSummary: totalCpu int, totalMemory long, numCpuCores short, numCpuThreads short, effectiveCpu int,
  effectiveMemory long, numHosts int, numEffectiveHosts int, overallStatus ManagedEntityStatus
ClusterComputeResourceSummary < ComputeResourceSummary: currentFailoverLevel int, numVmotions int
ClusterDasConfigInfo: enabled? boolean, vmMonitoring? string, hostMonitoring? string
ClusterDasVmConfigInfo: key ref, restartPriority? string
ClusterDrsConfigInfo: enabled? boolean, enableVmBehaviorOverrides? boolean, defaultVmBehavior? DrsBehavior, vmotionRate? int
ClusterDrsVmConfigInfo: key ref, enabled? boolean, behavior? DrsBehavior
ClusterDpmConfigInfo: enabled? boolean, defaultDpmBehavior? DpmBehavior
ClusterRuleInfo: key? int, status? ManagedEntityStatus, enabled? boolean, name? string, mandatory? boolean,
  userCreated? boolean, inCompliance? boolean, ruleUuid? string
ClusterAffinityRuleSpec < ClusterRuleInfo: vm ref[]
ClusterAntiAffinityRuleSpec < ClusterRuleInfo: vm ref[]
ClusterVmHostRuleInfo < ClusterRuleInfo: vmGroupName? string, affineHostGroupName? string, antiAffineHostGroupName? string
ClusterGroupInfo: name string, userCreated? boolean, uniqueID? string
ClusterVmGroup < ClusterGroupInfo: vm? ref[]
ClusterHostGroup < ClusterGroupInfo: host? ref[]
VsanClusterConfigInfo: enabled? boolean
ClusterConfigInfo: dasConfig ClusterDasConfigInfo, dasVmConfig? ClusterDasVmConfigInfo[], drsConfig ClusterDrsConfigInfo,
  drsVmConfig? ClusterDrsVmConfigInfo[], rule? ClusterRuleInfo[]
ComputeResourceConfigInfo: vmSwapPlacement string, spbmEnabled? boolean
ClusterConfigInfoEx < ComputeResourceConfigInfo: dasConfig ClusterDasConfigInfo, dasVmConfig? ClusterDasVmConfigInfo[],
  drsConfig ClusterDrsConfigInfo, drsVmConfig? ClusterDrsVmConfigInfo[], rule? ClusterRuleInfo[],
  dpmConfigInfo? ClusterDpmConfigInfo, vsanConfigInfo? VsanClusterConfigInfo, group? ClusterGroupInfo[]
ResourceConfigSpec: entity? ref, changeVersion? string, lastModified? dateTime, cpuAllocation ResourceAllocationInfo,
  memoryAllocation ResourceAllocationInfo
DatastoreSummary: datastore? ref, name string, url string, capacity long, freeSpace long, uncommitted? long,
  accessible boolean, multipleHostAccess? boolean, type string, maintenanceMode? string
DatastoreInfo: name string, url string, freeSpace long, maxFileSize long, maxVirtualDiskCapacity? long,
  maxMemoryFileSize long, timestamp? dateTime, containerId? string, aliasOf? string
HostScsiDiskPartition: diskName string, partition int
HostFileSystemVolume: type string, name string, capacity long
HostVmfsVolume < HostFileSystemVolume: blockSizeMb int, blockSize? int, maxBlocks int, majorVersion int, version string, uuid string,
  extent HostScsiDiskPartition[], vmfsUpgradable boolean, ssd? boolean, local? boolean, scsiDiskType? string
HostNasVolume < HostFileSystemVolume: remoteHost string, remotePath string, userName? string, remoteHostNames? string[]
VmfsDatastoreInfo < DatastoreInfo: maxPhysicalRDMFileSize? long, maxVirtualRDMFileSize? long, vmfs? HostVmfsVolume
NasDatastoreInfo < DatastoreInfo: nas? HostNasVolume
VsanDatastoreInfo < DatastoreInfo: membershipUuid? string
HostMountInfo: path? string, accessMode string, mounted? boolean, accessible? boolean, inaccessibleReason? string
DatastoreHostMount: key ref, mountInfo HostMountInfo
NetworkSummary: network? ref, name string, accessible boolean, ipPoolName? string
OpaqueNetworkSummary < NetworkSummary: opaqueNetworkId string, opaqueNetworkType string
BoolPolicy: inherited boolean, value? boolean
DVPortSetting: blocked? BoolPolicy
VMwareDVSPortSetting < DVPortSetting: vlan? VmwareDistributedVirtualSwitchVlanSpec
InheritablePolicy: inherited boolean
VmwareDistributedVirtualSwitchVlanSpec < InheritablePolicy
VmwareDistributedVirtualSwitchVlanIdSpec < VmwareDistributedVirtualSwitchVlanSpec: vlanId int
NumericRange: start int, end int
VmwareDistributedVirtualSwitchTrunkVlanSpec < VmwareDistributedVirtualSwitchVlanSpec: vlanId? NumericRange[]
DVPortgroupConfigInfo: key string, name string, numPorts int, distributedVirtualSwitch? ref,
  defaultPortConfig? DVPortSetting, description? string, type string, uplink? boolean
DVSSummary: name string, uuid string, numPorts int
DVSConfigInfo: uuid string, name string, numStandalonePorts int, numPorts int, maxPorts int
VMwareDVSConfigInfo < DVSConfigInfo: maxMtu int
`;
