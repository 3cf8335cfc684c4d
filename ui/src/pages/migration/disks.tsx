import { Progress } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import type { DiskView } from '../../api/types.ts';
import { bytes, duration, percent, rate } from '../../format.ts';

/** Bytes are the truth: each disk's, with rate, time left and what the copy waits for. */
export function Disks({ disks }: { readonly disks: readonly DiskView[] }) {
  if (disks.length === 0) return null;
  return (
    <Table aria-label="Disks" variant="compact">
      <Thead>
        <Tr>
          <Th width={20}>Disk</Th>
          <Th width={40}>Progress</Th>
          <Th>Rate</Th>
          <Th>Left</Th>
          <Th>Waiting for</Th>
        </Tr>
      </Thead>
      <Tbody>
        {disks.map((disk) => (
          <Tr key={disk.diskId}>
            <Td dataLabel="Disk">
              {disk.name}
              {disk.sizeBytes !== null && ` (${bytes(disk.sizeBytes)})`}
            </Td>
            <Td dataLabel="Progress">
              <Progress
                aria-label={`${disk.step} of ${disk.name}`}
                title={`${disk.step === '' ? 'waiting' : disk.step}: ${bytes(disk.bytesDone)} of ${bytes(disk.bytesTotal)}, ${bytes(disk.bytesMoved)} moved`}
                size="sm"
                value={percent(disk.bytesTotal === 0 ? null : disk.bytesDone / disk.bytesTotal)}
              />
            </Td>
            <Td dataLabel="Rate">{disk.bytesPerSecond > 0 ? rate(disk.bytesPerSecond) : '–'}</Td>
            <Td dataLabel="Left">{disk.etaSeconds === null ? '–' : duration(disk.etaSeconds)}</Td>
            <Td dataLabel="Waiting for">{bottleneck(disk)}</Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

const sides = { source: 'the source', target: 'the target', cpu: 'the CPU', limiter: 'the bandwidth limit' } as const;

/** The side that the copy waited for most. */
function bottleneck(disk: DiskView): string {
  if (disk.waited === null) return '–';
  const { source, target, cpu, limiter } = disk.waited;
  const shares = Object.entries({ source, target, cpu, limiter }) as [keyof typeof sides, number][];
  const [side, share] = shares.reduce((most, next) => (next[1] > most[1] ? next : most));
  return share <= 0 ? '–' : `${sides[side]} ${percent(share)} %`;
}
