import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import type { DiskView } from '../../api/types.ts';
import { bytes, bytesOf, duration, percent, rate } from '../../format.ts';
import { Meter } from '../../parts/meter.tsx';
import { stepTitle } from '../../parts/steps.ts';
import { RateChart } from './rate-chart.tsx';

/** Bytes are the truth: each disk's, with rate, time left and what the copy waits for. */
export function Disks(props: {
  readonly disks: readonly DiskView[];
  readonly vmName: string;
  readonly vmMigrationId: string;
}) {
  const { disks, vmName, vmMigrationId } = props;
  if (disks.length === 0) return null;
  return (
    <Table aria-label={`Disks of ${vmName}`} variant="compact" className="w-disks">
      <Thead>
        <Tr>
          <Th>Disk</Th>
          <Th width={40}>Progress</Th>
          <Th>Sent</Th>
          <Th>Rate</Th>
          <Th>Left</Th>
          <Th>Rate over time</Th>
          <Th modifier="nowrap">Explained</Th>
        </Tr>
      </Thead>
      <Tbody>
        {disks.map((disk) => (
          <Tr key={disk.diskId}>
            <Td dataLabel="Disk">{disk.name}</Td>
            <Td dataLabel="Progress">
              <Meter
                label={`${disk.step === '' ? 'Not begun' : stepTitle(disk.step)}: ${bytesOf(disk.bytesDone, disk.bytesTotal)}`}
                value={percent(disk.bytesTotal === 0 ? null : disk.bytesDone / disk.bytesTotal)}
                small
              />
            </Td>
            {/* What really travelled: holes do not. */}
            <Td dataLabel="Sent">{disk.step === '' ? '–' : bytes(disk.bytesMoved)}</Td>
            <Td dataLabel="Rate">{moves(disk) && disk.bytesPerSecond > 0 ? rate(disk.bytesPerSecond) : '–'}</Td>
            <Td dataLabel="Left">{moves(disk) && disk.etaSeconds !== null ? duration(disk.etaSeconds) : '–'}</Td>
            <Td dataLabel="Rate over time">
              <RateChart vmMigrationId={vmMigrationId} diskId={disk.diskId} diskName={disk.name} />
            </Td>
            <Td dataLabel="Explained">{disk.bottleneck?.text ?? '–'}</Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

/** A disk that is through has neither a rate nor time left, also while others of its VM go on. */
function moves(disk: DiskView): boolean {
  return disk.bytesDone < disk.bytesTotal;
}
