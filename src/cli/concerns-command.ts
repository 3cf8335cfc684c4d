/** `wherry concerns`: the rules that find concerns, with what they say and how many VMs have it. */
import type { Command } from 'commander';
import type { RuleList } from '../inventory/search-api.ts';
import { clientFor, type CommonFlags, run, withCommonFlags } from './command.ts';
import { plain, printJson, printTable } from './output.ts';

export function addConcernsCommand(program: Command): void {
  withCommonFlags(program.command('concerns').description('list the rules that find concerns, own ones as well'))
    .option('--found', 'only those that some VM has')
    .action((flags: CommonFlags & { readonly found?: boolean }) =>
      run(flags, async () => {
        const list = await clientFor(flags).get<RuleList>('/inventory/rules');
        const items = list.items.filter(({ vms }) => flags.found !== true || vms > 0);
        if (flags.json === true) return printJson({ ...list, items });
        printTable(items, [
          { title: 'ID', of: (rule) => rule.id },
          { title: 'SEVERITY', of: (rule) => rule.severity },
          { title: 'ON', of: (rule) => rule.on.join(', ') },
          { title: 'VMS', of: (rule) => String(rule.vms), right: true },
          { title: 'TEXT', of: (rule) => rule.text },
        ]);
        for (const problem of list.problems) process.stderr.write(`${plain(problem)}\n`);
      }),
    );
}
