/**
 * The facts that rules ask for and that `InventoryVm` has no field for: providers fill them into `InventoryVm.facts` (or into
 * `InventoryCluster.facts`, where `of` says so) under exactly these names. A fact that is not known is left out: a rule then
 * does not match, it never takes "unknown" for "no". A new fact of a provider is a line here.
 *
 * A part in <angle brackets> stands for something of this VM: `<disk>` and `<nic>` are the `id` in `disks` and `nics`,
 * `<path>` a mount point or drive as the guest names it, as it is (`guest.disk./boot.freeBytes`, `guest.disk.C:\.freeBytes`).
 */

export type FactType = 'boolean' | 'number' | 'string';

export type Fact = {
  readonly name: string;
  readonly type: FactType;
  /** Whose `facts` it is in. */
  readonly of: 'vm' | 'cluster';
  readonly what: string;
  /** The property it is made of. */
  readonly from: string;
};

const fact = (name: string, type: FactType, what: string, from: string, of: Fact['of'] = 'vm'): Fact => ({
  name,
  type,
  of,
  what,
  from,
});

export const vsphereFacts: readonly Fact[] = [
  fact('vmware.faultTolerance', 'boolean', 'fault tolerance is on', 'runtime.faultToleranceState is not notConfigured'),
  fact('vmware.cpuAffinity', 'boolean', 'tied to CPUs', 'config.cpuAffinity.affinitySet is not empty'),
  fact('vmware.numaAffinity', 'boolean', 'tied to NUMA nodes', 'config.extraConfig numa.nodeAffinity is not empty'),
  fact('vmware.cpuHotAdd', 'boolean', 'CPUs may be added while it runs', 'config.cpuHotAddEnabled'),
  fact('vmware.cpuHotRemove', 'boolean', 'CPUs may be taken away while it runs', 'config.cpuHotRemoveEnabled'),
  fact('vmware.memoryHotAdd', 'boolean', 'memory may be added while it runs', 'config.memoryHotAddEnabled'),
  fact('vmware.consolidationNeeded', 'boolean', 'deltas of removed snapshots remain', 'runtime.consolidationNeeded'),
  fact('vmware.question', 'string', 'the question it waits for an answer to', 'runtime.question.text'),
  fact(
    'vmware.diskEnableUuid',
    'boolean',
    'the guest sees serial numbers of disks',
    'config.extraConfig disk.EnableUUID',
  ),
  fact(
    'vmware.hostAffinity',
    'boolean',
    'a rule of the cluster ties it to hosts',
    'a ClusterVmHostRuleInfo in configurationEx.rule of its cluster, enabled, whose vmGroupName names a group with it',
  ),
  fact('vmware.encrypted', 'boolean', 'its configuration is encrypted', 'config.keyId is set'),
  fact('vmware.vapp', 'boolean', 'it is part of a vApp or has vApp options', 'parentVApp or config.vAppConfig is set'),
  fact('vmware.nestedHypervisor', 'boolean', 'hypervisors may run in it', 'config.nestedHVEnabled'),
  fact(
    'vmware.busSharing',
    'string',
    'names of SCSI controllers that share their bus, joined by ", "',
    'sharedBus of a VirtualSCSIController is not noSharing',
  ),
  fact('vmware.toolsVersion', 'string', 'how old VMware Tools is', 'guest.toolsVersionStatus2'),
  fact(
    'vmware.bootDelayMs',
    'number',
    'wait before it boots, in milliseconds',
    'config.bootOptions.bootDelay, when over 0',
  ),
  fact('vmware.latencySensitivity', 'string', 'low, normal, medium, high', 'config.latencySensitivity.level'),
  fact('vmware.changeVersion', 'string', 'changes with each change of its configuration', 'config.changeVersion'),
  fact(
    'cluster.ha',
    'boolean',
    'its cluster starts VMs of failed hosts anew',
    'configurationEx.dasConfig.enabled',
    'cluster',
  ),
  fact('cluster.drs', 'boolean', 'its cluster moves running VMs', 'configurationEx.drsConfig.enabled', 'cluster'),
  fact('cluster.dpm', 'boolean', 'its cluster powers hosts off', 'configurationEx.dpmConfigInfo.enabled', 'cluster'),
  fact('guest.disk.<path>.capacityBytes', 'number', 'size of a file system of the guest', 'guest.disk[].capacity'),
  fact('guest.disk.<path>.freeBytes', 'number', 'what is free in it', 'guest.disk[].freeSpace'),
  fact(
    'guest.disk.<path>.disk',
    'string',
    'ids of the disks it lies on, joined by ","; empty when the guest does not tell',
    'guest.disk[].mappings[].key',
  ),
];

export const libvirtFacts: readonly Fact[] = [
  fact('libvirt.driver', 'string', 'the driver of its host: qemu, xen, test', 'the URI of the provider'),
  fact('libvirt.type', 'string', 'kvm, qemu (emulated), xen, …', 'domain/@type'),
  fact('libvirt.osType', 'string', 'hvm, linux or xenpvh (paravirtual Xen), exe (a container)', 'os/type'),
  fact('libvirt.bootloader', 'string', 'what boots a paravirtual Xen guest', 'bootloader'),
  fact('libvirt.title', 'string', 'its title', 'title'),
  fact(
    'libvirt.guestAgent',
    'string',
    'none, configured (it is off), connected, disconnected',
    'channel/target of name org.qemu.guest_agent.0',
  ),
  fact('libvirt.persistent', 'boolean', 'defined, and there after it is off', 'virDomainIsPersistent'),
  fact('libvirt.autostart', 'boolean', 'starts with its host', 'virDomainGetAutostart'),
  fact('libvirt.managedSave', 'boolean', 'a saved memory image lies on its host', 'virDomainHasManagedSaveImage'),
  fact('libvirt.machine', 'string', 'its machine type', 'os/type/@machine'),
  fact('libvirt.arch', 'string', 'its architecture', 'os/type/@arch'),
  fact('libvirt.cpuMode', 'string', 'host-passthrough, host-model, custom, maximum', 'cpu/@mode'),
  fact('libvirt.cpuAffinity', 'boolean', 'tied to CPUs', 'vcpu/@cpuset, or cputune/vcpupin'),
  fact('libvirt.numaAffinity', 'boolean', 'tied to NUMA nodes', 'numatune'),
  fact('libvirt.hugePages', 'boolean', 'its memory is in huge pages', 'memoryBacking/hugepages'),
  fact('libvirt.launchSecurity', 'string', 'how its memory is encrypted', 'launchSecurity/@type'),
  fact('libvirt.directKernel', 'string', 'the kernel on the host that it boots', 'os/kernel'),
  fact('libvirt.loader', 'string', 'its firmware file', 'os/loader'),
  fact('libvirt.nvram', 'string', 'its file of UEFI variables', 'os/nvram'),
  fact(
    'libvirt.firmwareMissing',
    'boolean',
    'its firmware or the file of its variables is not there',
    'the daemon finds no firmware for os/@firmware, or no file at os/loader; only where that could be looked at',
  ),
  fact('libvirt.filesystems', 'number', 'directories of the host that it mounts', 'count of devices/filesystem'),
  fact('libvirt.sharedMemory', 'number', 'memory it shares with other VMs', 'count of devices/shmem'),
  fact('libvirt.commandLine', 'boolean', 'arguments past libvirt', 'qemu:commandline or xen:commandline has any'),
  fact('libvirt.checkpoints', 'number', 'checkpoints of backup tools', 'virDomainListAllCheckpoints'),
  fact('libvirt.disk.<disk>.type', 'string', 'file, block, dir, network, volume, nvme, vhostuser', 'disk/@type'),
  fact('libvirt.disk.<disk>.protocol', 'string', 'rbd, iscsi, nbd, nfs, http, …', 'disk/source/@protocol'),
  fact('libvirt.disk.<disk>.device', 'string', 'disk or lun', 'disk/@device'),
  fact('libvirt.disk.<disk>.transient', 'boolean', 'writes are dropped when it is off', 'disk/transient'),
  fact('libvirt.disk.<disk>.missing', 'boolean', 'there is no such file or volume', 'virStorageVolLookupByPath fails'),
  fact(
    'libvirt.nic.<nic>.type',
    'string',
    'network, bridge, direct, hostdev, user, ethernet, vhostuser, vdpa',
    'interface/@type',
  ),
];

export const ovaFacts: readonly Fact[] = [
  fact('ova.cpuAffinity', 'boolean', 'tied to CPUs', 'vmw:ExtraConfig sched.cpu.affinity names CPUs (not "all")'),
  fact('ova.cpuHotAdd', 'boolean', 'CPUs may be added while it runs', 'vmw:Config cpuHotAddEnabled'),
  fact('ova.cpuHotRemove', 'boolean', 'CPUs may be taken away while it runs', 'vmw:Config cpuHotRemoveEnabled'),
  fact('ova.memoryHotAdd', 'boolean', 'memory may be added while it runs', 'vmw:Config memoryHotAddEnabled'),
  fact('ova.format', 'string', 'ova, ovf, domain-xml, image', 'what in the store it was made of'),
  fact('ova.file', 'string', 'the file that describes it', 'path or URL'),
];

export const facts: readonly Fact[] = [...vsphereFacts, ...libvirtFacts, ...ovaFacts];

/** Of `libvirt.disk.<disk>.protocol` and `vda`: the name that a provider writes and a rule reads. */
export function factName(pattern: string, of: string): string {
  return pattern.replace(/<\w+>/, () => of);
}
