/** `wherry import FILE.ova --to libvirt`: one VM, now, watched to its end; what virt-v2v is used for today. */
import { type Command, Option } from 'commander';
import type { MigrationView } from '../migration/api.ts';
import { fromStored, type ErrorCode } from '../model/errors.ts';
import type { Client } from './client.ts';
import { type CommonFlags, run, withCommonFlags } from './command.ts';
import { idOfProvider } from './provider-id.ts';
import { clientWithServer } from './embedded.ts';
import { follow, lineDisplay, liveDisplay } from './follow.ts';
import { type ImportFlags, importRequest } from './import-request.ts';
import { exitCodes, plain, printJson } from './output.ts';
import { namedFiles } from './secret-input.ts';

type Flags = CommonFlags & ImportFlags & { readonly quiet?: boolean; readonly keepOnFailure?: boolean };

export function addImportCommand(program: Command): void {
  withCommonFlags(
    program
      .command('import <files...>')
      .description(
        'migrate an OVA, a directory with an OVF, disk images, or one of these on a web server (URL; - reads it, with a signature in it, from standard input), and wait',
      )
      .addOption(new Option('--to <target>', 'where to').choices(['libvirt', 'files']).makeOptionMandatory())
      .option('--uri <uri>', 'libvirt: connection', 'qemu:///system')
      .option('--pool <pool>', 'libvirt: storage pool', 'default')
      .option('--dir <directory>', 'files: directory for the images and the domain XML')
      .option('--network <source=target>', 'source network = libvirt network or bridge; alone: for all', collect, [])
      .option('--provider <provider>', 'URL: the store whose account and certificate rule are used, by name or id')
      .option('--vm <id>', 'which VM, where there are several (wherry list FILE)')
      .option('--name <name>', 'its name at the target')
      .option('--format <format>', 'qcow2 (the default) or raw')
      .option('--compress', 'files: raw images compressed by gzip, to keep or to ship')
      .option('--start', 'power it on and check that it runs (the default)')
      .option('--no-start', 'leave it off')
      .option('--conversion <when>', 'auto, always or never', 'auto')
      .option('--no-verify', 'do not read the copy back (it is the proof that the copy is right)')
      .option('--keep-on-failure', 'leave what was copied for “wherry retry” when it fails')
      .option('--quiet', 'no progress'),
  ).action((named: string[], flags: Flags, command: Command) =>
    run(flags, async () => {
      const files = namedFiles(named);
      // commander makes "not said" and "--start" the same: only what was really said counts.
      const { start: _start, ...rest } = flags;
      const said = command.getOptionValueSource('start') === 'cli' ? flags : rest;
      importRequest(files, said); // what cannot be meant starts no server
      await using client = await clientWithServer(flags);
      const provider = flags.provider === undefined ? {} : { provider: await idOfProvider(client, flags.provider) };
      const asked = importRequest(files, { ...said, ...provider });
      const keep = flags.keepOnFailure === true ? ({ onFailure: 'keep' } as const) : {};
      const spec = { ...asked, options: { ...asked.options, ...keep } };
      const { id } = await client.post<{ id: string }>('/migrations', { vms: [spec] });
      const leaveInterrupts = cancelOnInterrupt(client, id);
      const view = await follow(client, id, displayOf(flags));
      leaveInterrupts();
      conclude(view, flags);
    }),
  );
}

function displayOf(flags: Flags): (view: MigrationView) => void {
  if (flags.quiet === true || flags.json === true) return () => undefined;
  if (process.stderr.isTTY) return liveDisplay(process.stderr);
  return lineDisplay((line) => process.stderr.write(`${line}\n`));
}

/**
 * The first Ctrl-C undoes the migration and waits for that; the second leaves. Returns what ends this: a migration that has
 * ended cannot be canceled, and a server that is only stopping needs nobody to wait for it.
 */
function cancelOnInterrupt(client: Client, id: string): () => void {
  let asked = false;
  const cancel = (): void => {
    if (asked) process.exit(exitCodes.interrupted);
    asked = true;
    process.stderr.write('canceling: what was made is removed again (press again to leave it to the server)\n');
    process.exitCode = exitCodes.interrupted;
    void client.post(`/migrations/${id}/cancel`).catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, cancel);
  return () => signals.forEach((signal) => process.off(signal, cancel));
}

function conclude(view: MigrationView, flags: Flags): void {
  const [vm] = view.vmMigrations;
  if (flags.json === true) printJson(view);
  const failed = vm?.error ?? null;
  if (failed !== null && view.state === 'failed') {
    if (flags.json === true) {
      process.exitCode = exitCodes.failed;
      return;
    }
    if (flags.keepOnFailure === true && vm?.retryable === true) {
      process.stderr.write(`what was copied is kept; with “wherry server” running: wherry retry ${view.id}\n`);
    }
    throw fromStored({ code: failed.code as ErrorCode, params: failed.params, causes: failed.causes });
  }
  if (view.state !== 'succeeded') {
    process.exitCode ??= exitCodes.failed;
    return;
  }
  if (flags.json !== true && vm !== undefined) {
    for (const { severity, text } of vm.concerns) process.stderr.write(`${severity}: ${plain(text)}\n`);
    process.stdout.write(`${plain(vm.targetName)} is migrated\n`);
  }
}

function collect(word: string, words: string[]): string[] {
  return [...words, word];
}
