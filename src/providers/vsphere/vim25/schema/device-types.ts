/** Virtual devices: disks, network cards, controllers, and everything else that can hang on a VM. */
const file = 'VirtualDeviceFileBackingInfo';
const device = 'VirtualDeviceDeviceBackingInfo';
const remote = 'VirtualDeviceRemoteDeviceBackingInfo';
const card = 'VirtualEthernetCard';
const scsi = 'VirtualSCSIController';

export const deviceTypes = {
  VirtualDevice: {
    fields: {
      key: 'int',
      deviceInfo: 'Description?',
      backing: 'VirtualDeviceBackingInfo?',
      connectable: 'VirtualDeviceConnectInfo?',
      slotInfo: 'VirtualDeviceBusSlotInfo?',
      controllerKey: 'int?',
      unitNumber: 'int?',
      numaNode: 'int?',
    },
  },
  VirtualDeviceConnectInfo: {
    fields: {
      migrateConnect: 'string?',
      startConnected: 'boolean',
      allowGuestControl: 'boolean',
      connected: 'boolean',
      status: 'string?',
    },
  },
  VirtualDeviceBusSlotInfo: { fields: {} },
  VirtualDevicePciBusSlotInfo: { base: 'VirtualDeviceBusSlotInfo', fields: { pciSlotNumber: 'int' } },
  VirtualDeviceBackingInfo: { fields: {} },
  VirtualDeviceFileBackingInfo: {
    base: 'VirtualDeviceBackingInfo',
    fields: { fileName: 'string', datastore: '&Datastore?', backingObjectId: 'string?' },
  },
  VirtualDeviceDeviceBackingInfo: {
    base: 'VirtualDeviceBackingInfo',
    fields: { deviceName: 'string', useAutoDetect: 'boolean?' },
  },
  VirtualDeviceRemoteDeviceBackingInfo: {
    base: 'VirtualDeviceBackingInfo',
    fields: { deviceName: 'string', useAutoDetect: 'boolean?' },
  },
  VirtualDeviceURIBackingInfo: {
    base: 'VirtualDeviceBackingInfo',
    fields: { serviceURI: 'string', direction: 'string', proxyURI: 'string?' },
  },
  VirtualDevicePipeBackingInfo: { base: 'VirtualDeviceBackingInfo', fields: { pipeName: 'string' } },

  VirtualDisk: {
    base: 'VirtualDevice',
    fields: {
      capacityInKB: 'long',
      capacityInBytes: 'long?',
      diskObjectId: 'string?',
      iofilter: 'string[]',
      nativeUnmanagedLinkedClone: 'boolean?',
    },
  },
  CryptoKeyId: { fields: { keyId: 'string', providerId: 'KeyProviderId?' } },
  KeyProviderId: { fields: { id: 'string' } },
  VirtualDiskFlatVer1BackingInfo: {
    base: file,
    fields: {
      diskMode: 'string',
      split: 'boolean?',
      writeThrough: 'boolean?',
      contentId: 'string?',
      parent: 'VirtualDiskFlatVer1BackingInfo?',
    },
  },
  VirtualDiskFlatVer2BackingInfo: {
    base: file,
    fields: {
      diskMode: 'string',
      split: 'boolean?',
      writeThrough: 'boolean?',
      thinProvisioned: 'boolean?',
      eagerlyScrub: 'boolean?',
      uuid: 'string?',
      contentId: 'string?',
      changeId: 'string?',
      parent: 'VirtualDiskFlatVer2BackingInfo?',
      deltaDiskFormat: 'string?',
      digestEnabled: 'boolean?',
      deltaGrainSize: 'int?',
      deltaDiskFormatVariant: 'string?',
      /** sharingNone or sharingMultiWriter. */
      sharing: 'string?',
      keyId: 'CryptoKeyId?',
    },
  },
  VirtualDiskSparseVer1BackingInfo: {
    base: file,
    fields: {
      diskMode: 'string',
      split: 'boolean?',
      writeThrough: 'boolean?',
      spaceUsedInKB: 'long?',
      contentId: 'string?',
      parent: 'VirtualDiskSparseVer1BackingInfo?',
    },
  },
  VirtualDiskSparseVer2BackingInfo: {
    base: file,
    fields: {
      diskMode: 'string',
      split: 'boolean?',
      writeThrough: 'boolean?',
      spaceUsedInKB: 'long?',
      uuid: 'string?',
      contentId: 'string?',
      changeId: 'string?',
      parent: 'VirtualDiskSparseVer2BackingInfo?',
      keyId: 'CryptoKeyId?',
    },
  },
  VirtualDiskSeSparseBackingInfo: {
    base: file,
    fields: {
      diskMode: 'string',
      writeThrough: 'boolean?',
      uuid: 'string?',
      contentId: 'string?',
      changeId: 'string?',
      parent: 'VirtualDiskSeSparseBackingInfo?',
      deltaDiskFormat: 'string?',
      digestEnabled: 'boolean?',
      grainSize: 'int?',
      keyId: 'CryptoKeyId?',
    },
  },
  VirtualDiskRawDiskMappingVer1BackingInfo: {
    base: file,
    fields: {
      lunUuid: 'string?',
      deviceName: 'string?',
      /** virtualMode or physicalMode. */
      compatibilityMode: 'string?',
      diskMode: 'string?',
      uuid: 'string?',
      contentId: 'string?',
      changeId: 'string?',
      parent: 'VirtualDiskRawDiskMappingVer1BackingInfo?',
      deltaDiskFormat: 'string?',
      deltaGrainSize: 'int?',
      sharing: 'string?',
    },
  },
  VirtualDiskRawDiskVer2BackingInfo: {
    base: device,
    fields: { descriptorFileName: 'string', uuid: 'string?', changeId: 'string?', sharing: 'string?' },
  },
  VirtualDiskLocalPMemBackingInfo: {
    base: file,
    fields: { diskMode: 'string', uuid: 'string?', volumeUUID: 'string?', contentId: 'string?' },
  },

  VirtualController: { base: 'VirtualDevice', fields: { busNumber: 'int', device: 'int[]' } },
  VirtualSCSIController: {
    base: 'VirtualController',
    fields: {
      hotAddRemove: 'boolean?',
      /** noSharing, virtualSharing or physicalSharing. */
      sharedBus: 'string',
      scsiCtlrUnitNumber: 'int?',
    },
  },
  ParaVirtualSCSIController: { base: scsi, fields: {} },
  VirtualBusLogicController: { base: scsi, fields: {} },
  VirtualLsiLogicController: { base: scsi, fields: {} },
  VirtualLsiLogicSASController: { base: scsi, fields: {} },
  VirtualSATAController: { base: 'VirtualController', fields: {} },
  VirtualAHCIController: { base: 'VirtualSATAController', fields: {} },
  VirtualNVMEController: { base: 'VirtualController', fields: { sharedBus: 'string?' } },
  VirtualIDEController: { base: 'VirtualController', fields: {} },
  VirtualPCIController: { base: 'VirtualController', fields: {} },
  VirtualPS2Controller: { base: 'VirtualController', fields: {} },
  VirtualSIOController: { base: 'VirtualController', fields: {} },
  VirtualUSBController: {
    base: 'VirtualController',
    fields: { autoConnectDevices: 'boolean?', ehciEnabled: 'boolean?' },
  },
  VirtualUSBXHCIController: { base: 'VirtualController', fields: { autoConnectDevices: 'boolean?' } },
  VirtualNVDIMMController: { base: 'VirtualController', fields: {} },

  VirtualEthernetCard: {
    base: 'VirtualDevice',
    fields: {
      addressType: 'string?',
      macAddress: 'string?',
      wakeOnLanEnabled: 'boolean?',
      externalId: 'string?',
      uptCompatibilityEnabled: 'boolean?',
    },
  },
  VirtualE1000: { base: card, fields: {} },
  VirtualE1000e: { base: card, fields: {} },
  VirtualPCNet32: { base: card, fields: {} },
  VirtualVmxnet: { base: card, fields: {} },
  VirtualVmxnet2: { base: 'VirtualVmxnet', fields: {} },
  VirtualVmxnet3: { base: 'VirtualVmxnet', fields: { uptv2Enabled: 'boolean?' } },
  VirtualVmxnet3Vrdma: { base: 'VirtualVmxnet3', fields: { deviceProtocol: 'string?' } },
  VirtualSriovEthernetCard: { base: card, fields: { allowGuestOSMtuChange: 'boolean?' } },
  VirtualEthernetCardNetworkBackingInfo: {
    base: device,
    fields: { network: '&Network?', inPassthroughMode: 'boolean?' },
  },
  VirtualEthernetCardDistributedVirtualPortBackingInfo: {
    base: 'VirtualDeviceBackingInfo',
    fields: { port: 'DistributedVirtualSwitchPortConnection' },
  },
  VirtualEthernetCardOpaqueNetworkBackingInfo: {
    base: 'VirtualDeviceBackingInfo',
    fields: { opaqueNetworkId: 'string', opaqueNetworkType: 'string' },
  },
  DistributedVirtualSwitchPortConnection: {
    fields: { switchUuid: 'string', portgroupKey: 'string?', portKey: 'string?', connectionCookie: 'int?' },
  },

  VirtualCdrom: { base: 'VirtualDevice', fields: {} },
  VirtualCdromIsoBackingInfo: { base: file, fields: {} },
  VirtualCdromAtapiBackingInfo: { base: device, fields: {} },
  VirtualCdromPassthroughBackingInfo: { base: device, fields: {} },
  VirtualCdromRemoteAtapiBackingInfo: { base: remote, fields: {} },
  VirtualCdromRemotePassthroughBackingInfo: { base: remote, fields: { exclusive: 'boolean' } },
  VirtualFloppy: { base: 'VirtualDevice', fields: {} },
  VirtualFloppyImageBackingInfo: { base: file, fields: {} },
  VirtualFloppyDeviceBackingInfo: { base: device, fields: {} },
  VirtualFloppyRemoteDeviceBackingInfo: { base: remote, fields: {} },
  VirtualSerialPort: { base: 'VirtualDevice', fields: { yieldOnPoll: 'boolean' } },
  VirtualSerialPortFileBackingInfo: { base: file, fields: {} },
  VirtualSerialPortDeviceBackingInfo: { base: device, fields: {} },
  VirtualParallelPort: { base: 'VirtualDevice', fields: {} },
  VirtualUSB: {
    base: 'VirtualDevice',
    fields: { connected: 'boolean', vendor: 'int?', product: 'int?' },
  },
  VirtualTPM: { base: 'VirtualDevice', fields: {} },
  VirtualPCIPassthrough: { base: 'VirtualDevice', fields: {} },
  VirtualSCSIPassthrough: { base: 'VirtualDevice', fields: {} },
  VirtualPCIPassthroughDeviceBackingInfo: {
    base: device,
    fields: { id: 'string', deviceId: 'string', systemId: 'string', vendorId: 'short' },
  },
  VirtualPCIPassthroughVmiopBackingInfo: { base: 'VirtualDeviceBackingInfo', fields: { vgpu: 'string?' } },
  VirtualMachineVideoCard: {
    base: 'VirtualDevice',
    fields: {
      videoRamSizeInKB: 'long?',
      numDisplays: 'int?',
      useAutoDetect: 'boolean?',
      enable3DSupport: 'boolean?',
      use3dRenderer: 'string?',
      graphicsMemorySizeInKB: 'long?',
    },
  },
  VirtualMachineVMCIDevice: { base: 'VirtualDevice', fields: { id: 'long?' } },
  VirtualKeyboard: { base: 'VirtualDevice', fields: {} },
  VirtualPointingDevice: { base: 'VirtualDevice', fields: {} },
  VirtualSoundCard: { base: 'VirtualDevice', fields: {} },
  VirtualHdAudioCard: { base: 'VirtualSoundCard', fields: {} },
  VirtualEnsoniq1371: { base: 'VirtualSoundCard', fields: {} },
  VirtualSoundBlaster16: { base: 'VirtualSoundCard', fields: {} },
  VirtualWDT: { base: 'VirtualDevice', fields: { runOnBoot: 'boolean', running: 'boolean' } },
  VirtualPrecisionClock: { base: 'VirtualDevice', fields: {} },
  VirtualNVDIMM: { base: 'VirtualDevice', fields: { capacityInMB: 'long' } },
} as const;
