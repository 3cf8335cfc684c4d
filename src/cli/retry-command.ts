/** `wherry retry ID`: a VM that failed or was canceled once more; what was copied and is still right is not copied again. */
import { type Command, Option } from 'commander';
import type { MigrationView, VmMigrationView } from '../migration/api.ts';
import { WherryError } from '../model/errors.ts';
import type { MigrationOptions } from '../model/spec.ts';
import type { Client } from './client.ts';
import { clientFor, type CommonFlags, run, withCommonFlags } from './command.ts';
import { plain, printJson } from './output.ts';

export type RetryFlags = CommonFlags & {
  readonly conversion?: MigrationOptions['conversion'];
  readonly verify?: MigrationOptions['verify'];
  readonly power?: MigrationOptions['power'];
  readonly onFailure?: 'remove' | 'keep';
};

export function addRetryCommand(program: Command): void {
  withCommonFlags(
    program
      .command('retry <id>')
      .description('migrate again what failed or was canceled: one VM, or all such VMs of a migration')
      .addOption(new Option('--conversion <when>', 'otherwise than before').choices(['auto', 'always', 'never']))
      .addOption(new Option('--verify <how>', 'otherwise than before').choices(['full', 'none']))
      .addOption(new Option('--power <state>', 'otherwise than before').choices(['as-source', 'on', 'off']))
      .addOption(
        new Option('--on-failure <what>', 'remove what was made, or keep it for a retry').choices(['remove', 'keep']),
      ),
  ).action((id: string, flags: RetryFlags) =>
    run(flags, async () => {
      const client = clientFor(flags);
      const made: MigrationView[] = [];
      for (const vm of await retryable(client, id)) {
        made.push(await client.post(`/vm-migrations/${vm}/retry`, { options: optionsOf(flags) }));
      }
      if (flags.json === true) return printJson(made);
      for (const { id: migration, name } of made) process.stdout.write(`${migration} ${plain(name)}\n`);
    }),
  );
}

/** What is to be otherwise; the rest stays. */
export function optionsOf({ conversion, verify, power, onFailure }: RetryFlags): Partial<MigrationOptions> {
  return {
    ...(conversion !== undefined && { conversion }),
    ...(verify !== undefined && { verify }),
    ...(power !== undefined && { power }),
    ...(onFailure !== undefined && { onFailure }),
  };
}

/** Ids of VM migrations: the one that was named, or those of the migration that can be run again. */
async function retryable(client: Client, id: string): Promise<string[]> {
  const path = encodeURIComponent(id);
  try {
    const { name, state, vmMigrations } = await client.get<MigrationView>(`/migrations/${path}`);
    const again = vmMigrations.filter((vm: VmMigrationView) => vm.retryable).map((vm) => vm.id);
    if (again.length > 0) return again;
    throw new WherryError('migration.not_retryable', { vm: name, state });
  } catch (error) {
    if (error instanceof WherryError && error.code === 'request.not_found') return [id];
    throw error;
  }
}
