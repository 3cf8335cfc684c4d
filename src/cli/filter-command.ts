/** `wherry filter save|list|rm`: filters under a name. */
import type { Command } from 'commander';
import type { SavedFilter } from '../inventory/search-api.ts';
import { WherryError } from '../model/errors.ts';
import { clientFor, type CommonFlags, run, withCommonFlags } from './command.ts';
import { printJson, printTable } from './output.ts';

const path = '/inventory/filters';

export function addFilterCommand(program: Command): void {
  const filter = program.command('filter').description('saved filters');
  withCommonFlags(filter.command('save <name> <filter>').description('save a filter under a name'))
    .option('--shared', 'everybody sees it')
    .action((name: string, text: string, flags: CommonFlags & { readonly shared?: boolean }) =>
      run(flags, async () => {
        const body = { name, filter: text, shared: flags.shared === true };
        const made = await clientFor(flags).post<SavedFilter>(path, body);
        if (flags.json === true) printJson(made);
      }),
    );
  withCommonFlags(filter.command('list').description('list own filters and shared ones')).action((flags: CommonFlags) =>
    run(flags, async () => {
      const { items } = await clientFor(flags).get<{ items: SavedFilter[] }>(path);
      if (flags.json === true) return printJson(items);
      printTable(items, [
        { title: 'NAME', of: (row) => row.name },
        { title: 'FILTER', of: (row) => row.filter },
        { title: 'OWNER', of: (row) => (row.shared ? `${row.owner} (shared)` : row.owner) },
        { title: 'ID', of: (row) => row.id },
      ]);
    }),
  );
  withCommonFlags(filter.command('rm <name>').description('remove a saved filter, by name or id')).action(
    (name: string, flags: CommonFlags) =>
      run(flags, async () => {
        const client = clientFor(flags);
        const { items } = await client.get<{ items: SavedFilter[] }>(path);
        const found = items.find(
          (one) => one.id === name || (one.own && one.name.toLowerCase() === name.toLowerCase()),
        );
        if (found === undefined) throw new WherryError('request.not_found', { kind: 'saved filter', id: name });
        await client.delete(`${path}/${found.id}`);
      }),
  );
}
