/** `wherry migrations [ID]`: what runs and what has run. */
import type { Command } from 'commander';
import type { MigrationPage, MigrationSummary, MigrationView, VmMigrationView } from '../migration/api.ts';
import { clientFor, type CommonFlags, run, withCommonFlags } from './command.ts';
import { type Column, plain, printJson, printTable, shownBytes, shownFraction, shownTime } from './output.ts';

export function addMigrationsCommand(program: Command): void {
  withCommonFlags(
    program.command('migrations [id]').description('list migrations, newest first, or show one with its VMs'),
  ).action((id: string | undefined, flags: CommonFlags) =>
    run(flags, async () => {
      const client = clientFor(flags);
      if (id === undefined) {
        const page = await client.get<MigrationPage>('/migrations');
        return flags.json === true ? printJson(page.items) : printTable(page.items, migrationColumns);
      }
      const migration = await client.get<MigrationView>(`/migrations/${encodeURIComponent(id)}`);
      if (flags.json === true) return printJson(migration);
      process.stdout.write(`${plain(migration.name)}: ${migration.state}\n\n`);
      printTable(migration.vmMigrations, vmColumns);
      for (const { vmName, error } of migration.errors) {
        process.stdout.write(`\n${plain(vmName)}: ${plain(error.message)}\n  ${plain(error.next)}\n`);
      }
    }),
  );
}

const migrationColumns: readonly Column<MigrationSummary>[] = [
  { title: 'ID', of: (row) => row.id },
  { title: 'NAME', of: (row) => row.name },
  { title: 'STATE', of: (row) => row.state },
  { title: 'VMS', of: ({ counts }) => `${counts.completed}/${counts.total}`, right: true },
  { title: 'FAILED', of: ({ counts }) => String(counts.failed), right: true },
  { title: 'DONE', of: (row) => shownFraction(row.fraction), right: true },
  { title: 'STARTED', of: (row) => shownTime(row.startedAt) },
];

const vmColumns: readonly Column<VmMigrationView>[] = [
  { title: 'ID', of: (row) => row.id },
  { title: 'VM', of: (row) => row.vmName },
  { title: 'STATE', of: (row) => row.state },
  {
    title: 'STEP',
    of: (row) =>
      row.steps
        .filter(({ state }) => state === 'running')
        .map(({ name }) => name)
        .join(' + '),
  },
  { title: 'DONE', of: (row) => shownFraction(row.fraction), right: true },
  { title: 'BYTES', of: (row) => `${shownBytes(row.bytesDone)} of ${shownBytes(row.bytesTotal)}`, right: true },
  { title: 'RATE', of: (row) => (row.bytesPerSecond > 0 ? `${shownBytes(row.bytesPerSecond)}/s` : ''), right: true },
];
