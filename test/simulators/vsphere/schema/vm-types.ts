/** What a VM says of itself, and what one may ask of it. */
export const vmTypes = `
VirtualMachineFileInfo: vmPathName? string, snapshotDirectory? string, suspendDirectory? string, logDirectory? string,
  ftMetadataDirectory? string
VirtualMachineFlagInfo: disableAcceleration? boolean, enableLogging? boolean, useToe? boolean, runWithDebugInfo? boolean,
  monitorType? string, htSharing? string, snapshotDisabled? boolean, snapshotLocked? boolean, diskUuidEnabled? boolean,
  virtualMmuUsage? string, virtualExecUsage? string, snapshotPowerOffBehavior? string, recordReplayEnabled? boolean,
  faultToleranceType? string, cbrcCacheEnabled? boolean, vvtdEnabled? boolean, vbsEnabled? boolean
VirtualMachineDefaultPowerOpInfo: powerOffType? string, suspendType? string, resetType? string, defaultPowerOffType? string,
  defaultSuspendType? string, defaultResetType? string, standbyAction? string
VirtualMachineAffinityInfo: affinitySet? int[]
VirtualMachineBootOptions: bootDelay? long, enterBIOSSetup? boolean, efiSecureBootEnabled? boolean,
  bootRetryEnabled? boolean, bootRetryDelay? long, bootOrder? VirtualMachineBootOptionsBootableDevice[],
  networkBootProtocol? string
VirtualMachineBootOptionsBootableDevice
VirtualMachineBootOptionsBootableDiskDevice < VirtualMachineBootOptionsBootableDevice: deviceKey int
VirtualMachineBootOptionsBootableEthernetDevice < VirtualMachineBootOptionsBootableDevice: deviceKey int
VirtualMachineBootOptionsBootableCdromDevice < VirtualMachineBootOptionsBootableDevice
VirtualMachineConfigInfoDatastoreUrlPair: name string, url string
VmConfigInfo: product? VAppProductInfo[], property? VAppPropertyInfo[], ovfEnvironmentTransport? string[],
  installBootRequired boolean, installBootStopDelay int
VAppProductInfo: key int, classId? string, instanceId? string, name? string, vendor? string, version? string
VAppPropertyInfo: key int, classId? string, instanceId? string, id? string, category? string, label? string, type? string
ToolsConfigInfo: toolsVersion? int, toolsInstallType? string, afterPowerOn? boolean, afterResume? boolean,
  beforeGuestStandby? boolean, beforeGuestShutdown? boolean, beforeGuestReboot? boolean, toolsUpgradePolicy? string,
  syncTimeWithHostAllowed? boolean, syncTimeWithHost? boolean
VirtualMachineConfigInfo: changeVersion string, modified dateTime, name string, guestFullName string, version string,
  uuid string, createDate? dateTime, instanceUuid? string, npivTemporaryDisabled? boolean,
  locationId? string, template boolean, guestId string,
  alternateGuestName string, annotation? string, files VirtualMachineFileInfo, tools? ToolsConfigInfo,
  flags VirtualMachineFlagInfo, defaultPowerOps VirtualMachineDefaultPowerOpInfo, hardware VirtualHardware,
  cpuAllocation? ResourceAllocationInfo, memoryAllocation? ResourceAllocationInfo, latencySensitivity? LatencySensitivity,
  memoryHotAddEnabled? boolean, cpuHotAddEnabled? boolean, cpuHotRemoveEnabled? boolean, hotPlugMemoryLimit? long, hotPlugMemoryIncrementSize? long,
  cpuAffinity? VirtualMachineAffinityInfo, memoryAffinity? VirtualMachineAffinityInfo, extraConfig? OptionValue[],
  datastoreUrl? VirtualMachineConfigInfoDatastoreUrlPair[], swapPlacement? string,
  bootOptions? VirtualMachineBootOptions, ftInfo? FaultToleranceConfigInfo, vAppConfig? VmConfigInfo,
  vAssertsEnabled? boolean, changeTrackingEnabled? boolean, firmware? string, maxMksConnections? int,
  guestAutoLockEnabled? boolean, managedBy? ManagedByInfo, memoryReservationLockedToMax? boolean,
  nestedHVEnabled? boolean, vPMCEnabled? boolean, messageBusTunnelEnabled? boolean, keyId? CryptoKeyId,
  migrateEncryption? string
LatencySensitivity: level string, sensitivity? int
FaultToleranceConfigInfo: role int, instanceUuids string[], configPaths string[], orphaned? boolean
ManagedByInfo: extensionKey string, type string
VirtualMachineQuestionInfo: id string, text string, choice ChoiceOption
ChoiceOption: choiceInfo ElementDescription[], defaultIndex? int
VirtualMachineRuntimeInfo: host? ref, connectionState VirtualMachineConnectionState, powerState VirtualMachinePowerState,
  faultToleranceState? VirtualMachineFaultToleranceState, toolsInstallerMounted boolean, suspendTime? dateTime,
  bootTime? dateTime, suspendInterval? long, question? VirtualMachineQuestionInfo, memoryOverhead? long, maxCpuUsage? int,
  maxMemoryUsage? int, numMksConnections int, cleanPowerOff? boolean, onlineStandby boolean,
  minRequiredEVCModeKey? string, consolidationNeeded boolean, paused? boolean, snapshotInBackground? boolean,
  cryptoState? string
NetIpConfigInfoIpAddress: ipAddress string, prefixLength int, origin? string, state? string, lifetime? dateTime
NetIpConfigInfo: ipAddress? NetIpConfigInfoIpAddress[], autoConfigurationEnabled? boolean
NetDnsConfigInfo: dhcp boolean, hostName string, domainName string, ipAddress? string[], searchDomain? string[]
NetIpRouteConfigInfoGateway: ipAddress? string, device? string
NetIpRouteConfigInfoIpRoute: network string, prefixLength int, gateway NetIpRouteConfigInfoGateway
NetIpRouteConfigInfo: ipRoute? NetIpRouteConfigInfoIpRoute[]
GuestNicInfo: network? string, ipAddress? string[], macAddress? string, connected boolean, deviceConfigId int,
  dnsConfig? NetDnsConfigInfo, ipConfig? NetIpConfigInfo
GuestStackInfo: dnsConfig? NetDnsConfigInfo, ipRouteConfig? NetIpRouteConfigInfo
GuestInfoVirtualDiskMapping: key int
GuestDiskInfo: diskPath? string, capacity? long, freeSpace? long, filesystemType? string,
  mappings? GuestInfoVirtualDiskMapping[]
GuestInfo: toolsStatus? VirtualMachineToolsStatus, toolsVersionStatus? string, toolsVersionStatus2? string,
  toolsRunningStatus? string, toolsVersion? string, toolsInstallType? string, guestId? string, guestFamily? string,
  guestFullName? string, hostName? string, ipAddress? string, net? GuestNicInfo[], ipStack? GuestStackInfo[],
  disk? GuestDiskInfo[], guestState string, appHeartbeatStatus? string, guestKernelCrashed? boolean, appState? string,
  guestOperationsReady? boolean, interactiveGuestOperationsReady? boolean, guestStateChangeSupported? boolean
VirtualMachineGuestSummary: guestId? string, guestFullName? string, toolsStatus? VirtualMachineToolsStatus,
  toolsVersionStatus? string, toolsVersionStatus2? string, toolsRunningStatus? string, hostName? string, ipAddress? string
VirtualMachineConfigSummary: name string, template boolean, vmPathName string, memorySizeMB? int, cpuReservation? int,
  memoryReservation? int, numCpu? int, numEthernetCards? int, numVirtualDisks? int, uuid? string, instanceUuid? string,
  guestId? string, guestFullName? string, annotation? string
VirtualMachineStorageSummary: committed long, uncommitted long, unshared long, timestamp dateTime
VirtualMachineQuickStats: overallCpuUsage? int, overallCpuDemand? int, guestMemoryUsage? int, hostMemoryUsage? int,
  guestHeartbeatStatus ManagedEntityStatus, uptimeSeconds? int
VirtualMachineSummary: vm? ref, runtime VirtualMachineRuntimeInfo, guest? VirtualMachineGuestSummary,
  config VirtualMachineConfigSummary, storage? VirtualMachineStorageSummary, quickStats VirtualMachineQuickStats,
  overallStatus ManagedEntityStatus
VirtualMachineFileLayoutExFileInfo: key int, name string, type string, size long, uniqueSize? long,
  backingObjectId? string, accessible? boolean
VirtualMachineFileLayoutExDiskUnit: fileKey int[]
VirtualMachineFileLayoutExDiskLayout: key int, chain? VirtualMachineFileLayoutExDiskUnit[]
VirtualMachineFileLayoutExSnapshotLayout: key ref, dataKey int, memoryKey? int,
  disk? VirtualMachineFileLayoutExDiskLayout[]
VirtualMachineFileLayoutEx: file? VirtualMachineFileLayoutExFileInfo[], disk? VirtualMachineFileLayoutExDiskLayout[],
  snapshot? VirtualMachineFileLayoutExSnapshotLayout[], timestamp dateTime
VirtualMachineUsageOnDatastore: datastore ref, committed long, uncommitted long, unshared long
VirtualMachineStorageInfo: perDatastoreUsage? VirtualMachineUsageOnDatastore[], timestamp dateTime
VirtualMachineSnapshotTree: snapshot ref, vm ref, name string, description string, id? int, createTime dateTime,
  state VirtualMachinePowerState, quiesced boolean, backupManifest? string,
  childSnapshotList? VirtualMachineSnapshotTree[], replaySupported? boolean
VirtualMachineSnapshotInfo: currentSnapshot? ref, rootSnapshotList VirtualMachineSnapshotTree[]
DiskChangeExtent: start long, length long
DiskChangeInfo: startOffset long, length long, changedArea? DiskChangeExtent[]
VirtualDeviceConfigSpec: operation? VirtualDeviceConfigSpecOperation,
  fileOperation? VirtualDeviceConfigSpecFileOperation, device VirtualDevice
VirtualMachineConfigSpec: changeVersion? string, name? string, version? string, createDate? dateTime, uuid? string,
  instanceUuid? string, guestId? string, annotation? string, files? VirtualMachineFileInfo, numCPUs? int,
  numCoresPerSocket? int, memoryMB? long, memoryHotAddEnabled? boolean, cpuHotAddEnabled? boolean,
  deviceChange? VirtualDeviceConfigSpec[], extraConfig? OptionValue[], bootOptions? VirtualMachineBootOptions,
  changeTrackingEnabled? boolean, firmware? string, nestedHVEnabled? boolean
VirtualMachineRelocateSpec: folder? ref, datastore? ref, diskMoveType? string, pool? ref, host? ref
VirtualMachineCloneSpec: location VirtualMachineRelocateSpec, template boolean, config? VirtualMachineConfigSpec,
  powerOn boolean, snapshot? ref, memory? boolean
HttpNfcLeaseDeviceUrl: key string, importKey string, url string, sslThumbprint string, disk? boolean, targetId? string,
  datastoreKey? string, fileSize? long
HttpNfcLeaseDatastoreLeaseInfo: datastoreKey string, hosts HttpNfcLeaseHostInfo[]
HttpNfcLeaseHostInfo: url string, sslThumbprint string
HttpNfcLeaseManifestEntry: key string, sha1 string, checksum? string, checksumType? string, size long, disk boolean,
  capacity? long, populatedSize? long
HttpNfcLeaseInfo: lease ref, entity ref, deviceUrl? HttpNfcLeaseDeviceUrl[], totalDiskCapacityInKB long, leaseTimeout int,
  hostMap? HttpNfcLeaseDatastoreLeaseInfo[]
`;
