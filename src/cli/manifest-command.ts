/** `wherry manifest ID`: the digests of what a migrated VM's disks hold, to be kept and checked with `wherry verify`. */
import type { Command } from 'commander';
import { clientFor, type CommonFlags, run, withCommonFlags } from './command.ts';

export function addManifestCommand(program: Command): void {
  withCommonFlags(
    program.command('manifest <id>').description('print the manifest of one VM of a migration (JSON lines)'),
  ).action((id: string, flags: CommonFlags) =>
    run(flags, async () => {
      const path = `/vm-migrations/${encodeURIComponent(id)}/manifest`;
      process.stdout.write(await clientFor(flags).text(path, { timeoutMs: 600_000 }));
    }),
  );
}
