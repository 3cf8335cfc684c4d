/** What a bench found: rows of measurements, and for each promise (issue 4's table) whether it is kept. */
import type { Row } from './measure.ts';

export type BenchOptions = {
  readonly rounds: number;
  /** Of the image and of the data in it. */
  readonly sizeMiB: number;
  readonly dataMiB: number;
  /** Scratch, removed afterwards. */
  readonly directory: string;
};
export type Finding = {
  readonly what: string;
  readonly value: number;
  /** At most this. */
  readonly limit: number;
  /** `×` a peer's wall time, MiB, or milliseconds. */
  readonly unit: '×' | 'MiB' | 'ms';
};
export type BenchResult = {
  readonly name: string;
  readonly rows: readonly Row[];
  readonly findings: readonly Finding[];
};
export type Bench = (options: BenchOptions) => Promise<Omit<BenchResult, 'name'>>;

export function wall(rows: readonly Row[], name: string): number {
  return rows.find((row) => row.name === name)?.wallSeconds ?? Number.NaN;
}

/** Ours by the best of the peers. */
export function against(rows: readonly Row[], own: string, peers: readonly string[], limit: number): Finding {
  const value = wall(rows, own) / Math.min(...peers.map((peer) => wall(rows, peer)));
  return { what: `${own} : best of ${peers.join(', ')}`, value, limit, unit: '×' };
}

export function print({ name, rows, findings }: BenchResult): string {
  const lines = [`${name}:`];
  for (const row of rows) {
    const numbers = `${row.wallSeconds.toFixed(2)} s wall ${row.cpuSeconds.toFixed(2)} s CPU`;
    lines.push(`  ${row.name.padEnd(34)} ${numbers}  ${row.peakMiB.toFixed(0)} MiB (all ${row.sumMiB.toFixed(0)})`);
  }
  for (const { what, value, limit, unit } of findings) {
    const digits = unit === '×' ? 2 : 0;
    const kept = value <= limit ? 'kept' : 'NOT KEPT';
    lines.push(`  → ${what}: ${value.toFixed(digits)} ${unit}, at most ${limit} ${unit}: ${kept}`);
  }
  return `${lines.join('\n')}\n`;
}
