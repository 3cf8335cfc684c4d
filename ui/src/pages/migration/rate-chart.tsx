import { useQuery } from '@tanstack/react-query';
import { get } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { Rates } from '../../api/types.ts';
import { duration, rate } from '../../format.ts';
import { type Line, linesOf } from './rate-lines.ts';

const width = 160;
const height = 28;

/** How fast a disk was copied, from its first attempt to now: a line for each attempt. Kept after the end. */
export function RateChart(props: {
  readonly vmMigrationId: string;
  readonly diskId: string;
  readonly diskName: string;
}) {
  const { vmMigrationId, diskId, diskName } = props;
  const rates = useQuery({
    queryKey: keys.rates(vmMigrationId),
    queryFn: () => get<Rates>(`/vm-migrations/${encodeURIComponent(vmMigrationId)}/rates`),
  });
  const chart = linesOf(rates.data?.disks.find((disk) => disk.diskId === diskId)?.copies ?? []);
  if (chart === null) return <>–</>;
  const label = `Rate of ${diskName} over ${duration(chart.seconds)}: at most ${rate(chart.most)}, ${rate(chart.mean)} on average`;
  return (
    <svg
      className="w-spark"
      role="img"
      aria-label={label}
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
    >
      <title>{label}</title>
      {chart.lines.map((line) => (
        <path key={line[0]?.join()} d={pathOf(line)} />
      ))}
    </svg>
  );
}

/** Half a unit of room at the top and bottom, so that a line at the edge is not cut in half. */
function pathOf(line: Line): string {
  return line
    .map(([x, y], at) => `${at === 0 ? 'M' : 'L'}${(x * width).toFixed(1)} ${((1 - y) * (height - 2) + 1).toFixed(1)}`)
    .join('');
}
