import { bytesOf, duration, rate } from '../format.ts';
import { Elapsed } from './elapsed.tsx';

type Moved = {
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly bytesPerSecond: number;
  readonly etaSeconds: number | null;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
};

/** The numbers of something that moves, always in the same order: bytes, rate, time left, time taken. */
export function Moving({ of }: { readonly of: Moved }) {
  const { bytesDone, bytesTotal, bytesPerSecond, etaSeconds, startedAt, endedAt } = of;
  return (
    <ul className="w-facts">
      {bytesTotal > 0 && <li>{bytesOf(bytesDone, bytesTotal)} copied</li>}
      {bytesPerSecond > 0 && <li>{rate(bytesPerSecond)}</li>}
      {etaSeconds !== null && etaSeconds > 0 && <li>{duration(etaSeconds)} left to copy</li>}
      {startedAt !== null && (
        <li>
          {endedAt === null ? 'for ' : 'took '}
          <Elapsed from={startedAt} to={endedAt} />
        </li>
      )}
    </ul>
  );
}
