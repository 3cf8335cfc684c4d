/** A VM's hardware: controllers, disks and their backings, NICs, and what cannot come along. */
export const deviceTypes = `
VirtualHardware: numCPU int, numCoresPerSocket? int, memoryMB int, virtualICH7MPresent? boolean, virtualSMCPresent? boolean,
  device? VirtualDevice[]
VirtualDeviceConnectInfo: migrateConnect? string, startConnected boolean, allowGuestControl boolean, connected boolean,
  status? string
VirtualDeviceBackingInfo
VirtualDeviceDeviceBackingInfo < VirtualDeviceBackingInfo: deviceName string, useAutoDetect? boolean
VirtualDeviceRemoteDeviceBackingInfo < VirtualDeviceBackingInfo: deviceName string, useAutoDetect? boolean
VirtualDeviceFileBackingInfo < VirtualDeviceBackingInfo: fileName string, datastore? ref, backingObjectId? string
VirtualDeviceBusSlotInfo
VirtualDevicePciBusSlotInfo < VirtualDeviceBusSlotInfo: pciSlotNumber int
VirtualDevice: key int, deviceInfo? Description, backing? VirtualDeviceBackingInfo, connectable? VirtualDeviceConnectInfo,
  slotInfo? VirtualDeviceBusSlotInfo, controllerKey? int, unitNumber? int, numaNode? int
VirtualController < VirtualDevice: busNumber int, device? int[]
VirtualSCSIController < VirtualController: hotAddRemove? boolean, sharedBus VirtualSCSISharing, scsiCtlrUnitNumber? int
ParaVirtualSCSIController < VirtualSCSIController
VirtualLsiLogicController < VirtualSCSIController
VirtualLsiLogicSASController < VirtualSCSIController
VirtualBusLogicController < VirtualSCSIController
VirtualIDEController < VirtualController
VirtualPCIController < VirtualController
VirtualPS2Controller < VirtualController
VirtualSIOController < VirtualController
VirtualSATAController < VirtualController
VirtualAHCIController < VirtualSATAController
VirtualNVMEController < VirtualController: sharedBus? string
VirtualUSBController < VirtualController: autoConnectDevices? boolean, ehciEnabled? boolean
VirtualUSBXHCIController < VirtualController: autoConnectDevices? boolean
VirtualDisk < VirtualDevice: capacityInKB long, capacityInBytes? long, shares? SharesInfo,
  storageIOAllocation? StorageIOAllocationInfo, diskObjectId? string, iofilter? string[], vDiskId? ID,
  nativeUnmanagedLinkedClone? boolean
StorageIOAllocationInfo: limit? long, shares? SharesInfo, reservation? int
ID: id string
CryptoKeyId: keyId string, providerId? KeyProviderId
KeyProviderId: id string
VirtualDiskFlatVer2BackingInfo < VirtualDeviceFileBackingInfo: diskMode string, split? boolean, writeThrough? boolean,
  thinProvisioned? boolean, eagerlyScrub? boolean, uuid? string, contentId? string, changeId? string,
  parent? VirtualDiskFlatVer2BackingInfo, deltaDiskFormat? string, digestEnabled? boolean, deltaGrainSize? int,
  deltaDiskFormatVariant? string, sharing? string, keyId? CryptoKeyId
VirtualDiskSeSparseBackingInfo < VirtualDeviceFileBackingInfo: diskMode string, writeThrough? boolean, uuid? string,
  contentId? string, changeId? string, parent? VirtualDiskSeSparseBackingInfo, deltaDiskFormat? string,
  digestEnabled? boolean, grainSize? int, keyId? CryptoKeyId
VirtualDiskRawDiskMappingVer1BackingInfo < VirtualDeviceFileBackingInfo: lunUuid? string, deviceName? string,
  compatibilityMode? string, diskMode? string, uuid? string, contentId? string, changeId? string,
  parent? VirtualDiskRawDiskMappingVer1BackingInfo, deltaDiskFormat? string, deltaGrainSize? int, sharing? string
VirtualEthernetCardResourceAllocation: reservation? long, share SharesInfo, limit? long
VirtualEthernetCard < VirtualDevice: addressType? string, macAddress? string, wakeOnLanEnabled? boolean,
  resourceAllocation? VirtualEthernetCardResourceAllocation, externalId? string, uptCompatibilityEnabled? boolean
VirtualE1000 < VirtualEthernetCard
VirtualE1000e < VirtualEthernetCard
VirtualPCNet32 < VirtualEthernetCard
VirtualVmxnet < VirtualEthernetCard
VirtualVmxnet2 < VirtualVmxnet
VirtualVmxnet3 < VirtualVmxnet: uptv2Enabled? boolean
VirtualSriovEthernetCard < VirtualEthernetCard: allowGuestOSMtuChange? boolean
VirtualEthernetCardNetworkBackingInfo < VirtualDeviceDeviceBackingInfo: network? ref, inPassthroughMode? boolean
VirtualEthernetCardDistributedVirtualPortBackingInfo < VirtualDeviceBackingInfo: port DistributedVirtualSwitchPortConnection
VirtualEthernetCardOpaqueNetworkBackingInfo < VirtualDeviceBackingInfo: opaqueNetworkId string, opaqueNetworkType string
DistributedVirtualSwitchPortConnection: switchUuid string, portgroupKey? string, portKey? string, connectionCookie? int
VirtualPCIPassthrough < VirtualDevice
VirtualPCIPassthroughDeviceBackingInfo < VirtualDeviceDeviceBackingInfo: id string, deviceId string, systemId string,
  vendorId short
VirtualPCIPassthroughPluginBackingInfo < VirtualDeviceBackingInfo
VirtualPCIPassthroughVmiopBackingInfo < VirtualPCIPassthroughPluginBackingInfo: vgpu? string
VirtualSCSIPassthrough < VirtualDevice
VirtualSCSIPassthroughDeviceBackingInfo < VirtualDeviceDeviceBackingInfo
VirtualUSB < VirtualDevice: connected boolean, vendor? int, product? int, family? string[], speed? string[]
VirtualUSBUSBBackingInfo < VirtualDeviceDeviceBackingInfo
VirtualCdrom < VirtualDevice
VirtualCdromIsoBackingInfo < VirtualDeviceFileBackingInfo
VirtualCdromAtapiBackingInfo < VirtualDeviceDeviceBackingInfo
VirtualCdromRemotePassthroughBackingInfo < VirtualDeviceRemoteDeviceBackingInfo: exclusive boolean
VirtualFloppy < VirtualDevice
VirtualFloppyImageBackingInfo < VirtualDeviceFileBackingInfo
VirtualSerialPort < VirtualDevice: yieldOnPoll boolean
VirtualSerialPortFileBackingInfo < VirtualDeviceFileBackingInfo
VirtualParallelPort < VirtualDevice
VirtualParallelPortDeviceBackingInfo < VirtualDeviceDeviceBackingInfo
VirtualTPM < VirtualDevice: endorsementKeyCertificateSigningRequest? base64Binary[], endorsementKeyCertificate? base64Binary[]
VirtualSoundCard < VirtualDevice
VirtualHdAudioCard < VirtualSoundCard
VirtualWDT < VirtualDevice: runOnBoot boolean, running boolean
VirtualMachineVideoCard < VirtualDevice: videoRamSizeInKB? long, numDisplays? int, useAutoDetect? boolean,
  enable3DSupport? boolean, use3dRenderer? string, graphicsMemorySizeInKB? long
VirtualMachineVMCIDevice < VirtualDevice: id? long, allowUnrestrictedCommunication? boolean, filterEnable? boolean
VirtualKeyboard < VirtualDevice
VirtualPointingDevice < VirtualDevice
VirtualPointingDeviceDeviceBackingInfo < VirtualDeviceDeviceBackingInfo: hostPointingDevice string
`;
