import {
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
} from '@patternfly/react-core';
import type { VmMigrationView } from '../../api/types.ts';
import { bytes, count } from '../../format.ts';

/** Where the VM comes from, where it goes, and what it is. */
export function Facts({ vm }: { readonly vm: VmMigrationView }) {
  return (
    <DescriptionList isCompact columnModifier={{ default: '1Col', md: '2Col', xl: '3Col' }}>
      {factsOf(vm).map(([term, description]) => (
        <DescriptionListGroup key={term}>
          <DescriptionListTerm>{term}</DescriptionListTerm>
          <DescriptionListDescription>{description}</DescriptionListDescription>
        </DescriptionListGroup>
      ))}
    </DescriptionList>
  );
}

const conversions = { auto: 'if the guest needs it', always: 'always', never: 'never' } as const;

function factsOf({ spec, vm, targetName }: VmMigrationView): (readonly [string, string])[] {
  const { source, target, options } = spec;
  const facts: (readonly [string, string])[] = [
    ['From', source.type === 'files' ? source.paths.join(', ') : source.type === 'web' ? source.url : source.path],
    [
      'To',
      target.type === 'libvirt'
        ? `${target.uri}, pool ${target.pool}, ${target.format}`
        : `${target.directory}, ${target.format}${target.compressed === true ? ', compressed by gzip' : ''}`,
    ],
    ['Name at the target', targetName],
    ['Conversion', conversions[options.conversion]],
  ];
  if (vm === null) return facts;
  const { cpus, memoryBytes, firmware, os, nics, disks } = vm;
  const size = disks.reduce((sum, disk) => sum + (disk.sizeBytes ?? 0), 0);
  const boot = firmware.type === 'efi' ? `UEFI${firmware.secureBoot ? ' with secure boot' : ''}` : 'BIOS';
  facts.push(
    ['Hardware', `${count(cpus, 'CPU')}, ${bytes(memoryBytes)} memory, ${boot}`],
    ['Disks', disks.length === 0 ? 'none' : `${count(disks.length, 'disk')}, ${bytes(size)}`],
    ['Network', nics.map((nic) => `${nic.network}${nic.mac === null ? '' : ` (${nic.mac})`}`).join(', ') || 'none'],
  );
  if (os.name !== '' || os.id !== '') facts.push(['Operating system', os.name === '' ? os.id : os.name]);
  return facts;
}
