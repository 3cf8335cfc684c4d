import { Button, Content, TextInput } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { post } from '../../../api/client.ts';
import type { InventoryVm, UnsavedInventory, UnsavedProvider } from '../../../api/types.ts';
import { bytes, count } from '../../../format.ts';
import { Power } from '../../../parts/power.tsx';
import { Problem } from '../../../parts/problem.tsx';
import { SeverityCount } from '../../../parts/severity.tsx';

/** More are found by a filter: this is a look, the list of VMs is for saved providers. */
const mostRows = 200;

/** The VMs of a source that is not saved, and need not be: address and secrets are forgotten with the answer. */
export function Inside({ source }: { readonly source: UnsavedProvider }) {
  const [filter, setFilter] = useState('');
  const look = useMutation({
    mutationFn: () => post<UnsavedInventory>('/providers/browse', { ...source, filter: filter.trim() }),
  });
  return (
    <div className="w-stack">
      <div className="w-actions">
        <TextInput
          aria-label="Filter of what is inside"
          placeholder="All VMs, or a filter: power = on"
          value={filter}
          spellCheck={false}
          onChange={(_event, next) => setFilter(next)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter') return;
            event.preventDefault(); // or it would be the form's: the next step
            look.mutate();
          }}
        />
        <Button
          variant="secondary"
          isDisabled={look.isPending}
          isLoading={look.isPending}
          onClick={() => look.mutate()}
        >
          Look inside without saving
        </Button>
      </div>
      {look.isError && <Problem error={look.error} />}
      {look.data !== undefined && <Found inventory={look.data} />}
    </div>
  );
}

type Vm = { readonly ref: string; readonly name: string; readonly data: InventoryVm };

function Found({ inventory: { objects, concerns, unreadable, truncated } }: { readonly inventory: UnsavedInventory }) {
  const vms: readonly Vm[] = objects.filter((object) => object.kind === 'vm');
  const hidden = Math.max(0, vms.length - mostRows);
  return (
    <div className="w-stack" role="status">
      <Content component="p">
        {`${count(vms.length, 'VM')} found.`}
        {hidden > 0 && ` The first ${mostRows} are shown; a filter finds the others.`}
        {truncated && ' There is more than one answer holds: saved, all of it can be seen.'}
        {unreadable.length > 0 && ` ${unreadable.map(({ name }) => name).join(', ')} cannot be read.`}
      </Content>
      {vms.length > 0 && (
        <Table aria-label="VMs inside" variant="compact">
          <Thead>
            <Tr>
              <Th>Name</Th>
              <Th>Power</Th>
              <Th>Host</Th>
              <Th>CPUs</Th>
              <Th>Memory</Th>
              <Th>Disks</Th>
              <Th>Concerns</Th>
            </Tr>
          </Thead>
          <Tbody>
            {vms.slice(0, mostRows).map((vm) => (
              <Row key={vm.ref} vm={vm} concerns={concerns[vm.ref] ?? []} />
            ))}
          </Tbody>
        </Table>
      )}
    </div>
  );
}

/** @param concerns the worst first */
function Row({ vm, concerns }: { readonly vm: Vm; readonly concerns: UnsavedInventory['concerns'][string] }) {
  const { name, data } = vm;
  const [worst] = concerns;
  return (
    <Tr>
      <Td dataLabel="Name" modifier="breakWord">
        {name}
      </Td>
      <Td dataLabel="Power">
        <Power power={data.power} />
      </Td>
      <Td dataLabel="Host">{data.host ?? '–'}</Td>
      <Td dataLabel="CPUs">{data.cpus === 0 ? '–' : data.cpus}</Td>
      <Td dataLabel="Memory">{data.memoryBytes === 0 ? '–' : bytes(data.memoryBytes)}</Td>
      <Td dataLabel="Disks">{bytes(data.disks.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0))}</Td>
      <Td dataLabel="Concerns">
        {worst === undefined ? '–' : <SeverityCount severity={worst.severity} count={concerns.length} />}
      </Td>
    </Tr>
  );
}
