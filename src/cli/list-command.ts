/** `wherry list FILE`: the VMs in an OVA or a directory, as a worker reads them. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { VmSummary } from '../model/vm.ts';
import { type CommonFlags, run, withCommonFlags } from './command.ts';
import { clientWithServer } from './embedded.ts';
import { printJson, printTable, shownBytes } from './output.ts';
import { namedFiles } from './secret-input.ts';

export function addListCommand(program: Command): void {
  withCommonFlags(
    program
      .command('list <file>')
      .description(
        'list the VMs in an OVA file, in a directory with an OVF, or in an OVA on a web server (URL; - reads it from standard input)',
      ),
  ).action((named: string, flags: CommonFlags) =>
    run(flags, async () => {
      const [file = ''] = namedFiles([named]);
      const isUrl = /^https?:\/\//i.test(file);
      const source = isUrl ? { type: 'web', url: file } : { type: 'ova', path: resolve(file) };
      await using client = await clientWithServer(flags);
      const { vms } = await client.post<{ vms: VmSummary[] }>('/sources/list', { source });
      if (flags.json === true) return printJson(vms);
      printTable(vms, [
        { title: 'ID', of: (vm) => vm.id },
        { title: 'NAME', of: (vm) => vm.name },
        { title: 'CPUS', of: (vm) => String(vm.cpus), right: true },
        { title: 'MEMORY', of: (vm) => shownBytes(vm.memoryBytes), right: true },
        { title: 'DISKS', of: (vm) => String(vm.diskCount), right: true },
      ]);
    }),
  );
}
