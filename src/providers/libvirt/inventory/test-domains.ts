/** Domain XML for tests: as libvirt 9 writes that of KVM, and as its documentation shows that of Xen. */

/** A KVM guest that has everything: what a running one says of itself. */
export const kvmXml = `<domain type='kvm' id='3' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>db01</name>
  <uuid>c7a5fdbd-cdaf-9455-926a-d65c16db1809</uuid>
  <title>the ledger's database</title>
  <description>do not stop on Mondays</description>
  <metadata>
    <libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0">
      <libosinfo:os id="http://microsoft.com/win/2k22"/>
    </libosinfo:libosinfo>
  </metadata>
  <memory unit='KiB'>8388608</memory>
  <currentMemory unit='KiB'>4194304</currentMemory>
  <memoryBacking><hugepages/></memoryBacking>
  <vcpu placement='static' cpuset='1-4' current='4'>8</vcpu>
  <numatune><memory mode='strict' nodeset='0'/></numatune>
  <os firmware='efi'>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <firmware>
      <feature enabled='yes' name='enrolled-keys'/>
      <feature enabled='yes' name='secure-boot'/>
    </firmware>
    <loader readonly='yes' secure='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.ms.fd</loader>
    <nvram template='/usr/share/OVMF/OVMF_VARS_4M.ms.fd'>/var/lib/libvirt/qemu/nvram/db01_VARS.fd</nvram>
  </os>
  <cpu mode='host-passthrough' check='none'><topology sockets='2' dies='1' cores='4' threads='1'/></cpu>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' discard='unmap'/>
      <source file='/var/lib/libvirt/images/fast/db01.snap2' index='3'/>
      <backingStore type='file' index='4'>
        <format type='qcow2'/>
        <source file='/var/lib/libvirt/images/fast/db01.snap1'/>
        <backingStore type='file' index='5'>
          <format type='raw'/>
          <source file='/var/lib/libvirt/images/fast/db01.img'/>
          <backingStore/>
        </backingStore>
      </backingStore>
      <target dev='vda' bus='virtio'/>
      <serial>WD-42</serial>
      <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
    </disk>
    <disk type='block' device='lun' sgio='unfiltered'>
      <driver name='qemu' type='raw'/>
      <source dev='/dev/disk/by-id/scsi-36005'/>
      <backingStore/>
      <target dev='sdb' bus='scsi'/>
      <shareable/>
      <address type='drive' controller='1' bus='0' target='0' unit='5'/>
    </disk>
    <disk type='network' device='disk'>
      <driver name='qemu' type='raw'/>
      <auth username='libvirt'><secret type='ceph' uuid='b7a1f7a5-0000-4000-8000-000000000001'/></auth>
      <source protocol='rbd' name='vms/db01-data'><host name='mon1' port='6789'/></source>
      <target dev='vdb' bus='virtio'/>
      <encryption format='luks'/>
    </disk>
    <disk type='volume' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source pool='bulk' volume='archive.qcow2'/>
      <target dev='hdd' bus='ide'/>
      <transient/>
      <address type='drive' controller='0' bus='1' target='0' unit='1'/>
    </disk>
    <disk type='network' device='disk'>
      <driver name='qemu' type='raw'/>
      <source protocol='iscsi' name='iqn.2013-07.com.example:pool/1'><host name='san' port='3260'/></source>
      <target dev='vdc' bus='virtio'/>
      <readonly/>
    </disk>
    <disk type='file' device='cdrom'>
      <source file='/iso/virtio-win.iso'/>
      <target dev='sda' bus='sata'/>
      <readonly/>
    </disk>
    <controller type='usb' index='0' model='qemu-xhci'/>
    <controller type='scsi' index='1' model='virtio-scsi'/>
    <interface type='network'>
      <mac address='52:54:00:AA:00:01'/>
      <source network='lab' portid='x' bridge='virbr7'/>
      <target dev='vnet3'/>
      <model type='virtio'/>
    </interface>
    <interface type='bridge'>
      <mac address='52:54:00:aa:00:02'/>
      <source bridge='br0'/>
      <model type='e1000e'/>
      <link state='down'/>
    </interface>
    <interface type='direct'>
      <mac address='52:54:00:aa:00:03'/>
      <source dev='eno1' mode='bridge'/>
      <model type='rtl8139'/>
    </interface>
    <interface type='hostdev' managed='yes'>
      <mac address='52:54:00:aa:00:04'/>
      <source><address type='pci' domain='0x0000' bus='0x07' slot='0x10' function='0x1'/></source>
    </interface>
    <serial type='pty'><source path='/dev/pts/3'/><target type='isa-serial' port='0'/></serial>
    <channel type='unix'>
      <source mode='bind' path='/run/x'/>
      <target type='virtio' name='org.qemu.guest_agent.0' state='connected'/>
    </channel>
    <tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <source><address domain='0x0000' bus='0x06' slot='0x12' function='0x5'/></source>
    </hostdev>
    <hostdev mode='subsystem' type='usb' managed='yes'>
      <source><vendor id='0x1234'/><product id='0xbeef'/></source>
    </hostdev>
    <hostdev mode='subsystem' type='mdev' managed='no' model='vfio-pci'>
      <source><address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source>
    </hostdev>
    <filesystem type='mount'><source dir='/srv/share'/><target dir='share'/></filesystem>
    <watchdog model='itco' action='reset'/>
  </devices>
  <qemu:commandline><qemu:arg value='-foo'/></qemu:commandline>
</domain>`;

/** A paravirtual Xen guest: pygrub, a disk on a block device, a vif on a bridge. */
export const xenPvXml = `<domain type='xen' id='7'>
  <name>pv1</name>
  <uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>
  <memory>1048576</memory>
  <vcpu>2</vcpu>
  <bootloader>/usr/bin/pygrub</bootloader>
  <os><type arch='x86_64' machine='xenpv'>linux</type></os>
  <devices>
    <disk type='block' device='disk'>
      <driver name='phy'/>
      <source dev='/dev/vg0/pv1'/>
      <target dev='xvda' bus='xen'/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='tap' type='aio'/>
      <source file='/root/pv1-data.img'/>
      <target dev='xvdb' bus='xen'/>
    </disk>
    <interface type='bridge'>
      <mac address='00:16:3e:5d:12:10'/>
      <source bridge='xenbr0'/>
      <script path='vif-bridge'/>
    </interface>
    <console tty='/dev/pts/5'/>
  </devices>
</domain>`;

/** A Xen guest with emulated hardware and UEFI, which does not run. */
export const xenHvmXml = `<domain type='xen'>
  <name>hvm1</name>
  <uuid>6d8a9c00-7f60-4d9e-9d6e-000000000002</uuid>
  <memory unit='MiB'>2048</memory>
  <vcpu placement='static'>4</vcpu>
  <os>
    <type arch='x86_64' machine='xenfv'>hvm</type>
    <loader readonly='yes' type='pflash'>/usr/lib/xen/boot/ovmf.bin</loader>
  </os>
  <devices>
    <emulator>/usr/lib/xen/bin/qemu-system-i386</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='/images/hvm1.qcow2'/>
      <target dev='hda' bus='ide'/>
      <address type='drive' controller='0' bus='0' target='0' unit='0'/>
    </disk>
    <interface type='network'>
      <mac address='00:16:3e:00:00:02'/>
      <source network='default'/>
      <model type='e1000'/>
    </interface>
  </devices>
</domain>`;
