/**
 * Percent, rate and time left, from what steps have reported. Bytes are the truth; a percentage over all steps needs
 * weights, and these are the shares of wall time that the steps of a copy with conversion took when measured. Pure.
 */
import type { Bottleneck, DiskView } from './api.ts';
import type { DiskProgress, Progress } from './protocol.ts';
import type { StepState } from './states.ts';

export type StepProgress = { readonly name: string; readonly state: StepState; readonly progress: Progress | null };
export type DiskFacts = { readonly id: string; readonly name: string; readonly sizeBytes: number | null };
export type Overall = {
  readonly fraction: number | null;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly bytesPerSecond: number;
  readonly etaSeconds: number | null;
};

const weights: Readonly<Record<string, number>> = { copy: 50, convert: 20, verify: 15, 'check-manifest': 5, undo: 0 };
const otherWeight = 1;

/** 0 to 1; a step that has not told anything counts as not begun. */
export function fractionOf({ state, progress }: Pick<StepProgress, 'state' | 'progress'>): number {
  if (state === 'succeeded' || state === 'skipped') return 1;
  if (progress === null) return 0;
  if (progress.fraction !== null) return bounded(progress.fraction);
  const total = sum(progress.disks, (disk) => disk.bytesTotal);
  return total === 0 ? 0 : bounded(sum(progress.disks, (disk) => disk.bytesDone) / total);
}

/** Of one VM migration. `disks` is null until preflight has told; then nothing can be said but the steps' fractions. */
export function progressOf(steps: readonly StepProgress[], disks: readonly DiskFacts[] | null): Overall {
  const weightOf = (step: StepProgress): number => weights[step.name] ?? otherWeight;
  const weight = sum(steps, weightOf);
  const copy = steps.find(({ name }) => name === 'copy');
  const copied = copy?.progress?.disks ?? [];
  const size = sum(disks ?? [], (disk) => disk.sizeBytes ?? 0);
  const bytesTotal =
    copied.length > 0
      ? Math.max(
          sum(copied, (disk) => disk.bytesTotal),
          size,
        )
      : size;
  const copyEnded = copy?.state === 'succeeded';
  const running = steps.filter(({ state }) => state === 'running').flatMap(({ progress }) => progress?.disks ?? []);
  const moving = running.filter((disk) => disk.bytesDone < disk.bytesTotal);
  const etas = moving.flatMap(({ etaSeconds }) => (etaSeconds === null ? [] : [etaSeconds]));
  return {
    fraction: weight === 0 ? null : sum(steps, (step) => weightOf(step) * fractionOf(step)) / weight,
    bytesDone: copyEnded
      ? bytesTotal
      : Math.min(
          bytesTotal,
          sum(copied, (disk) => disk.bytesDone),
        ),
    bytesTotal,
    bytesPerSecond: sum(moving, (disk) => disk.bytesPerSecond),
    etaSeconds: etas.length === 0 ? null : Math.max(...etas),
  };
}

/** Of a migration, out of its VMs'. Big VMs weigh more; one whose size is unknown weighs like an average one. */
export function sumOf(vms: readonly Overall[]): Overall {
  const known = vms.filter(({ bytesTotal }) => bytesTotal > 0);
  const average = known.length === 0 ? 1 : sum(known, ({ bytesTotal }) => bytesTotal) / known.length;
  const weightOf = ({ bytesTotal }: Overall): number => (bytesTotal > 0 ? bytesTotal : average);
  const weight = sum(vms, weightOf);
  const etas = vms.flatMap(({ etaSeconds }) => (etaSeconds === null ? [] : [etaSeconds]));
  return {
    fraction: weight === 0 ? null : bounded(sum(vms, (vm) => weightOf(vm) * (vm.fraction ?? 0)) / weight),
    bytesDone: sum(vms, ({ bytesDone }) => bytesDone),
    bytesTotal: sum(vms, ({ bytesTotal }) => bytesTotal),
    bytesPerSecond: sum(vms, ({ bytesPerSecond }) => bytesPerSecond),
    etaSeconds: etas.length === 0 ? null : Math.max(...etas),
  };
}

/** Each disk as the step that deals with it now, or dealt with it last, has told. */
export function disksOf(steps: readonly StepProgress[], disks: readonly DiskFacts[]): DiskView[] {
  return disks.map((disk) => {
    const told = steps.flatMap((step) => {
      const progress = step.progress?.disks.find(({ diskId }) => diskId === disk.id);
      return progress === undefined ? [] : [{ step, progress }];
    });
    const latest = told.findLast(({ step }) => step.state === 'running') ?? told.at(-1);
    const facts = { diskId: disk.id, name: disk.name, sizeBytes: disk.sizeBytes };
    if (latest === undefined) return { ...facts, ...nothing, bytesTotal: disk.sizeBytes ?? 0 };
    const still = latest.step.state === 'running' ? {} : { bytesPerSecond: 0, etaSeconds: null };
    const { samples: _, ...progress } = latest.progress;
    return { ...progress, ...still, ...facts, step: latest.step.name, bottleneck: bottleneckOf(progress.waited) };
  });
}

/** The station with the largest share; null when nothing was measured, or nothing worth naming. */
export function bottleneckOf(waited: DiskProgress['waited']): Bottleneck | null {
  if (waited === null) return null;
  let most: Station = 'source';
  for (const station of stations) if (waited[station] > waited[most]) most = station;
  const share = waited[most];
  const percent = Math.round(share * 100);
  return percent < 1 ? null : { station: most, share, text: `waiting for the ${stationNames[most]} ${percent} %` };
}

type Station = Bottleneck['station'];
const stations = ['source', 'target', 'cpu', 'limiter'] as const;
const stationNames = { source: 'source', target: 'target', cpu: 'CPU', limiter: 'bandwidth limit' } as const;

const nothing: Omit<DiskProgress, 'diskId' | 'samples'> & { step: string; bottleneck: null } = {
  step: '',
  bytesDone: 0,
  bytesTotal: 0,
  bytesMoved: 0,
  bytesPerSecond: 0,
  etaSeconds: null,
  waited: null,
  bottleneck: null,
};

function bounded(fraction: number): number {
  return Math.min(1, Math.max(0, fraction));
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
