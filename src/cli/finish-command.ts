/** `wherry finish ID`: what is missing of a hand-over that failed. The migrated VM stays as it is, running or not. */
import type { Command } from 'commander';
import type { EndVmMigration, MigrationView, VmMigrationView } from '../migration/api.ts';
import { WherryError } from '../model/errors.ts';
import type { Client } from './client.ts';
import { clientFor, type CommonFlags, run, withCommonFlags } from './command.ts';
import { plain, printJson } from './output.ts';

export function addFinishCommand(program: Command): void {
  withCommonFlags(
    program
      .command('finish <id>')
      .description('finish a hand-over that failed: of one VM, or of all such VMs of a migration')
      .option('--gone', 'what is not found at the target was removed for good: wait for it no longer'),
  ).action((id: string, flags: CommonFlags & { readonly gone?: boolean }) =>
    run(flags, async () => {
      const client = clientFor(flags);
      const asked: VmMigrationView[] = [];
      const order: EndVmMigration = flags.gone === true ? { gone: true } : {};
      for (const vm of await finishable(client, id))
        asked.push(await client.post(`/vm-migrations/${vm}/finish`, order));
      if (flags.json === true) return printJson(asked);
      for (const { migrationId, vmName } of asked) process.stdout.write(`${migrationId} ${plain(vmName)}\n`);
    }),
  );
}

/** Ids of VM migrations: the one that was named, or those of the migration whose hand-over can be finished. */
async function finishable(client: Client, id: string): Promise<string[]> {
  try {
    const { name, state, vmMigrations } = await client.get<MigrationView>(`/migrations/${encodeURIComponent(id)}`);
    const found = vmMigrations.filter((vm) => vm.finishable).map((vm) => vm.id);
    if (found.length > 0) return found;
    throw new WherryError('migration.nothing_to_finish', { vm: name, state });
  } catch (error) {
    if (error instanceof WherryError && error.code === 'request.not_found') return [encodeURIComponent(id)];
    throw error;
  }
}
