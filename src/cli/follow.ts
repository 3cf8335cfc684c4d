/**
 * Follows a migration to its end: woken by the event stream, drawn as a few lines that are drawn again (on a terminal) or
 * as a line per step (elsewhere, where a log is what is wanted).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationView, StepView, VmMigrationView } from '../migration/api.ts';
import type { Client } from './client.ts';
import { plain, shownBytes } from './output.ts';

const ended: ReadonlySet<string> = new Set(['succeeded', 'failed', 'canceled', 'denied']);
/** Should the stream ever miss one: also looked at this often. */
const lookAgainMs = 5_000;
const drawMs = 250;

export async function follow(client: Client, id: string, draw: (view: MigrationView) => void): Promise<MigrationView> {
  const stopping = new AbortController();
  let wake = Promise.withResolvers<void>();
  const streaming = client.stream(() => wake.resolve(), stopping.signal).catch(() => undefined);
  try {
    for (;;) {
      wake = Promise.withResolvers<void>();
      const view = await client.get<MigrationView>(`/migrations/${id}`).catch((error: unknown) => {
        if ((error as { passing?: boolean }).passing === true) return null;
        throw error;
      });
      if (view !== null) draw(view);
      if (view !== null && ended.has(view.state)) return view;
      const woken = new AbortController();
      await Promise.race([wake.promise, pause(lookAgainMs, woken.signal)]);
      woken.abort(); // a timer that is left running would keep the command from ending
      await pause(drawMs, stopping.signal);
    }
  } finally {
    stopping.abort();
    await streaming;
  }
}

/** Draws on a terminal: the same lines again and again. */
export function liveDisplay(out: NodeJS.WriteStream): (view: MigrationView) => void {
  let lines = 0;
  return (view) => {
    const text = view.vmMigrations
      .flatMap((vm) => linesOf(vm))
      .map((line) => plain(line).slice(0, (out.columns || 100) - 1));
    out.write(`${lines === 0 ? '' : `\x1b[${lines}A`}${text.map((line) => `\x1b[2K${line}\n`).join('')}\x1b[0J`);
    lines = text.length;
  };
}

/** For logs: a line when a step begins or ends. */
export function lineDisplay(say: (line: string) => void): (view: MigrationView) => void {
  const said = new Set<string>();
  return (view) => {
    for (const vm of view.vmMigrations) {
      for (const step of vm.steps) {
        const key = `${step.id} ${step.state} ${step.attempts}`;
        if (said.has(key) || step.state === 'waiting' || step.state === 'ready' || step.state === 'undone') continue;
        said.add(key);
        say(plain(`${vm.vmName}: ${step.name} ${step.state}${tookOf(step)}`));
      }
    }
  };
}

function linesOf(vm: VmMigrationView): string[] {
  const lines = [`${vm.vmName}: ${vm.state}${vm.waitReason === null ? '' : ` (${vm.waitReason.text})`}`];
  for (const step of vm.steps) {
    if (step.state === 'waiting' || step.state === 'undone') continue;
    lines.push(`  ${marks[step.state] ?? ' '} ${step.name.padEnd(16)} ${detailOf(step)}`);
    if (step.state !== 'running') continue;
    for (const disk of step.disks) {
      const share = disk.bytesTotal === 0 ? 1 : disk.bytesDone / disk.bytesTotal;
      const left = disk.etaSeconds === null ? '' : `, ${Math.ceil(disk.etaSeconds)} s left`;
      const waits = vm.disks.find(({ diskId }) => diskId === disk.diskId)?.bottleneck?.text;
      const rate = disk.bytesPerSecond > 0 ? `, ${shownBytes(disk.bytesPerSecond)}/s` : '';
      lines.push(
        `      ${bar(share)} ${disk.diskId}: ${shownBytes(disk.bytesDone)} of ${shownBytes(disk.bytesTotal)}${rate}${left}${waits === undefined ? '' : `, ${waits}`}`,
      );
    }
  }
  return lines;
}

const marks: Readonly<Record<string, string>> = {
  running: '▸',
  succeeded: '✓',
  skipped: '–',
  failed: '✗',
  canceled: '✗',
  ready: '·',
};

function detailOf(step: StepView): string {
  const fraction = step.fraction === null ? '' : `${Math.floor(step.fraction * 100)} % `;
  const again = step.attempts > 1 ? `, attempt ${step.attempts}` : '';
  if (step.state === 'running') return `${fraction}${step.phase}${tookOf(step)}${again}`;
  return `${step.state}${tookOf(step)}${again}`;
}

function tookOf(step: StepView): string {
  if (step.startedAt === null || step.state === 'skipped') return '';
  const end = step.endedAt === null ? Date.now() : Date.parse(step.endedAt);
  return ` ${((end - Date.parse(step.startedAt)) / 1000).toFixed(1)} s`;
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, share) * 20);
  return `[${'█'.repeat(full)}${' '.repeat(20 - full)}]`;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
