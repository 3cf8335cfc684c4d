import { DescriptionList, Label, LabelGroup } from '@patternfly/react-core';
import type { InventoryVm } from '../../api/types.ts';
import { bytes, count } from '../../format.ts';
import { Term } from '../../parts/certificate.tsx';

const unknown = 'not known';
const tools: Readonly<Record<InventoryVm['tools'], string>> = {
  running: 'running',
  'not-running': 'not running',
  'not-installed': 'not installed',
  unknown,
};

export function Summary({ vm }: { readonly vm: InventoryVm }) {
  const cores = vm.coresPerSocket > 1 ? `, ${vm.coresPerSocket} to a socket` : '';
  return (
    <DescriptionList
      isHorizontal
      isCompact
      columnModifier={{ default: '1Col', lg: '2Col' }}
      className="w-summary"
      aria-label="Summary"
    >
      <Term name="Operating system">{vm.os.name || vm.os.id || unknown}</Term>
      <Term name="CPUs">{vm.cpus === 0 ? unknown : `${vm.cpus}${cores}`}</Term>
      <Term name="Memory">{vm.memoryBytes === 0 ? unknown : bytes(vm.memoryBytes)}</Term>
      <Term name="Firmware">{firmware(vm)}</Term>
      <Term name="Host">{vm.host ?? unknown}</Term>
      <Term name="Cluster">{vm.cluster ?? 'none'}</Term>
      <Term name="Folder">{vm.folder || 'none'}</Term>
      {vm.connection !== '' && <Term name="Connection">{vm.connection}</Term>}
      <Term name="Guest tools">{tools[vm.tools]}</Term>
      <Term name="Guest’s name">{vm.hostname ?? unknown}</Term>
      <Term name="IP addresses">{vm.ips.length === 0 ? unknown : vm.ips.join(', ')}</Term>
      <Term name="Changed block tracking">{yesNo(vm.changeTracking)}</Term>
      <Term name="UUID">{vm.uuid ?? unknown}</Term>
      {vm.hardwareVersion !== '' && <Term name="Hardware version">{vm.hardwareVersion}</Term>}
      {vm.detail === 'full' && <Term name="Disks">{disks(vm)}</Term>}
      {vm.tags.length > 0 && (
        <Term name="Tags">
          <LabelGroup aria-label="Tags" numLabels={10}>
            {vm.tags.map((tag) => (
              <Label key={tag} isCompact variant="outline">
                {tag}
              </Label>
            ))}
          </LabelGroup>
        </Term>
      )}
      {vm.description !== '' && <Term name="Notes">{vm.description}</Term>}
    </DescriptionList>
  );
}

function firmware({ firmware: kind, secureBoot }: InventoryVm): string {
  if (kind === null) return unknown;
  return kind === 'bios' ? 'BIOS' : `UEFI${secureBoot ? ', Secure Boot' : ''}`;
}

function disks({ disks: all }: InventoryVm): string {
  const total = all.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0);
  return `${count(all.length, 'disk')}, ${bytes(total)} together`;
}

export function yesNo(value: boolean | null): string {
  if (value === null) return 'the source has no such thing';
  return value ? 'on' : 'off';
}
