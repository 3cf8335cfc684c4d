/** `wherry token create|list|delete`, for programs and, with --worker, for workers on other machines. */
import type { Command } from 'commander';
import { Option } from 'commander';
import { roles } from '../model/role.ts';
import { clientFor, type CommonFlags, run, withCommonFlags } from './command.ts';
import { printJson, printTable, shownTime } from './output.ts';

type Flags = CommonFlags & { readonly worker?: boolean; readonly role: string };
type Row = { id: string; name: string; prefix: string; role?: string; createdBy: string; lastUsedAt: string | null };

export function addTokenCommand(program: Command): void {
  const token = program.command('token').description('tokens for programs and for workers on other machines');
  tokenCommand(token.command('create <name>').description('make a token and print it; it is shown only once'))
    .addOption(new Option('--role <role>', 'what it may do').choices(roles).default('operator'))
    .action((name: string, flags: Flags) =>
      run(flags, async () => {
        const body = flags.worker === true ? { name } : { name, role: flags.role };
        const made = await clientFor(flags).post<Row & { token: string }>(pathOf(flags), body);
        if (flags.json === true) printJson(made);
        else process.stdout.write(`${made.token}\n`);
      }),
    );
  tokenCommand(token.command('list').description('list tokens, without their secret part')).action((flags: Flags) =>
    run(flags, async () => {
      const { items } = await clientFor(flags).get<{ items: Row[] }>(pathOf(flags));
      if (flags.json === true) return printJson(items);
      printTable(items, [
        { title: 'ID', of: (row) => row.id },
        { title: 'NAME', of: (row) => row.name },
        { title: 'TOKEN', of: (row) => `${row.prefix}…` },
        { title: 'ROLE', of: (row) => row.role ?? 'worker' },
        { title: 'MADE BY', of: (row) => row.createdBy },
        { title: 'LAST USED', of: (row) => shownTime(row.lastUsedAt) },
      ]);
    }),
  );
  tokenCommand(token.command('delete <id>').description('end a token')).action((id: string, flags: Flags) =>
    run(flags, () => clientFor(flags).delete(`${pathOf(flags)}/${encodeURIComponent(id)}`)),
  );
}

function tokenCommand(command: Command): Command {
  return withCommonFlags(command).option('--worker', 'tokens of workers');
}

function pathOf(flags: Flags): string {
  return flags.worker === true ? '/worker-tokens' : '/tokens';
}
