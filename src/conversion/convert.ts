/**
 * Converts a guest in its overlays by virt-v2v-in-place. All disks are named in one libvirt document; the tool finds the
 * operating system on them, gives it virtio drivers and boot configuration, and trims its file systems. The overlays are
 * worthless if this fails or is canceled: a new attempt starts with new ones.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { WherryError } from '../model/errors.ts';
import type { GuestCapabilities, Vm } from '../model/vm.ts';
import { type Child, startChild } from '../process/child.ts';
import type { Accelerator } from './accelerator.ts';
import { applianceWords } from './appliance-words.ts';
import { openBoundedLog } from './bounded-log.ts';
import { cacheDirectory } from './cache.ts';
import { capabilitiesOf, type Facts, takeLogLine, takeMessage, takeOutputXml } from './capabilities.ts';
import { failureOf } from './failures.ts';
import { followLines } from './follow.ts';
import { withoutNetwork } from './isolation.ts';
import { libvirtXml, type Overlay } from './libvirt-xml.ts';
import { endGroup } from './process-group.ts';
import { makeScratch, type Scratch, removeSocketDirectory, socketDirectory } from './scratch.ts';
import { inspectVersion } from './tool.ts';
import { parseMachineLine, type Phase, phaseOf } from './tool-output.ts';

export type ConversionLimits = {
  /** Memory of the appliance, which is nearly all that a conversion needs. */
  readonly memoryMiB: number;
  readonly timeoutMs: number;
  /** How much of the log's beginning is kept; its end is kept always. */
  readonly logBytes: number;
};

/** Enough for any guest that was tried; a full Debian takes about 2 minutes with KVM and 10 without. */
export const defaultLimits: ConversionLimits = { memoryMiB: 2560, timeoutMs: 2 * 3600_000, logBytes: 16 * 1024 * 1024 };

export type ConversionRequest = {
  readonly vm: Vm;
  /** One per disk of the VM. */
  readonly overlays: readonly Overlay[];
  /** Private to this VM migration; the log stays there, everything else that is put there is removed again. */
  readonly directory: string;
  readonly onPhase: (phase: Phase) => void;
  /** What the tool tells people, as it comes: few lines. The debugging log goes into a file only. */
  readonly onLog: (level: 'info' | 'warning' | 'error', text: string) => void;
  /** A place outside `directory` that the tool has made; it is removed at the end, unless we are killed before. */
  readonly onTemporary?: (path: string) => void;
  readonly limits?: ConversionLimits;
  readonly accelerator: Accelerator;
};

export type ConversionResult = {
  readonly guest: GuestCapabilities;
  readonly warnings: readonly string[];
  /** The tool's debugging log, kept when it fails as well. */
  readonly log: string;
};

/** @throws conversion.* ; the signal's reason when it was canceled, by then nothing of it runs any more. */
export async function convertGuest(request: ConversionRequest, signal: AbortSignal): Promise<ConversionResult> {
  signal.throwIfAborted();
  const limits = request.limits ?? defaultLimits;
  const version = await inspectVersion(signal);
  const logPath = path.join(request.directory, 'conversion.log');
  const log = await openBoundedLog(logPath, limits.logBytes);
  const scratch = await makeScratch(request.directory);
  let sockets: string | null = null;
  try {
    const files = {
      xml: path.join(scratch.short, 'guest.xml'),
      machine: path.join(scratch.short, 'm'),
      result: path.join(scratch.short, 'o'),
    };
    await writeFile(files.xml, libvirtXml(request.vm, request.overlays), { mode: 0o600 });
    const facts: Facts = new Map();
    const run = await runTool(
      {
        command: version.command,
        arguments: [
          '-v',
          '-x',
          `--machine-readable=file:${files.machine}`,
          '--root',
          'single',
          '-i',
          'libvirtxml',
        ].concat(version.outputXml ? ['-O', files.result] : [], files.xml),
        environment: await environment(request.accelerator, limits, scratch),
        machinePath: files.machine,
        limits,
        request,
        onLine: (line) => {
          log.write(line);
          takeLogLine(facts, line);
          // Only the first: what comes later may be the guest's words.
          if (sockets === null && (sockets = socketDirectory(line)) !== null) request.onTemporary?.(sockets);
        },
        onFact: (message) => takeMessage(facts, message),
      },
      signal,
    );
    if (run.exit.code !== 0) {
      const said = { vm: request.vm.name, phase: run.phase, errors: run.errors, tail: log.tail() };
      throw failureOf({ ...said, memoryMiB: limits.memoryMiB, exit: run.exit });
    }
    if (version.outputXml) takeOutputXml(facts, await readFile(files.result, 'utf8'));
    const guest = capabilitiesOf(facts, request.vm, version.version);
    return { guest, warnings: [...run.warnings, ...differences(request.vm, guest)], log: logPath };
  } finally {
    await log.close();
    await removeSocketDirectory(sockets);
    await scratch.remove();
  }
}

type ToolRun = {
  readonly command: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly machinePath: string;
  readonly limits: ConversionLimits;
  readonly request: ConversionRequest;
  readonly onLine: (line: string) => void;
  readonly onFact: (message: NonNullable<ReturnType<typeof parseMachineLine>>) => void;
};

async function runTool(
  run: ToolRun,
  signal: AbortSignal,
): Promise<{
  exit: { code: number | null; signal: string | null };
  phase: string;
  errors: string[];
  warnings: string[];
}> {
  const errors: string[] = [];
  const warnings: string[] = [];
  let phase = 'setting up';
  const onMachineLine = (line: string): void => {
    const message = parseMachineLine(line);
    if (message === null) return;
    const next = phaseOf(message);
    if (next !== null) {
      phase = next.phase;
      run.request.onPhase(next);
    }
    if (message.type === 'error') errors.push(message.text);
    // 2.8 and newer begin with the advice not to use the tool by hand, which is not news about this guest.
    if (message.type === 'warning' && !message.text.includes('NOT SUPPORTED for command line use'))
      warnings.push(message.text);
    if (message.type !== 'message') run.request.onLog(message.type, message.text);
    run.onFact(message);
  };
  // A session of its own makes all that it starts one process group, which can be ended as a whole.
  const child = await startChild('setsid', [...(await withoutNetwork()), run.command, ...run.arguments], {
    env: run.environment,
    onLine: (_stream, line) => run.onLine(line),
  });
  const timedOut = await supervise(child, run, onMachineLine, signal);
  signal.throwIfAborted();
  if (timedOut) {
    const minutes = Math.round(run.limits.timeoutMs / 60_000);
    throw new WherryError('conversion.timed_out', { vm: run.request.vm.name, minutes, phase }, errors.at(-1));
  }
  return { exit: await child.exited, phase, errors, warnings };
}

/** Waits for the tool's end and makes sure that nothing of it is left, however it ends. Resolves to: it took too long. */
async function supervise(
  child: Child,
  run: ToolRun,
  onMachineLine: (line: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  let timedOut = false;
  let ending: Promise<void> | undefined;
  const end = (): void => void (ending ??= endGroup(child));
  const timer = setTimeout(() => {
    timedOut = true;
    end();
  }, run.limits.timeoutMs);
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    await followLines(run.machinePath, child.exited, onMachineLine);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
    end();
    await ending;
  }
  return timedOut;
}

async function environment(
  accelerator: Accelerator,
  limits: ConversionLimits,
  scratch: Scratch,
): Promise<Record<string, string>> {
  const temporary = path.join(scratch.short, 't');
  await mkdir(temporary, { mode: 0o700 });
  return {
    TMPDIR: temporary,
    // libguestfs puts its sockets there (where it is not root, which always takes /tmp).
    XDG_RUNTIME_DIR: scratch.sockets,
    // The appliance (350 MB) is made once per user and kept; libguestfs locks it and makes it anew when packages change.
    LIBGUESTFS_CACHEDIR: await cacheDirectory('libguestfs'),
    ...applianceWords(accelerator),
    LIBGUESTFS_BACKEND: 'direct',
    LIBGUESTFS_BACKEND_SETTINGS: accelerator === 'kvm' ? 'force_kvm' : 'force_tcg',
    // virt-v2v doubles it.
    LIBGUESTFS_MEMSIZE: String(Math.ceil(limits.memoryMiB / 2)),
  };
}

/** What the disk says otherwise than the source did. */
function differences(vm: Vm, guest: GuestCapabilities): string[] {
  if (vm.firmware.type === guest.firmware.type) return [];
  return [
    `the source says that the guest starts by ${vm.firmware.type}, its disk says ${guest.firmware.type}: ${guest.firmware.type} is used`,
  ];
}
