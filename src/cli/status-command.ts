/** `wherry status`: whether a server answers, and who works for it. */
import type { Command } from 'commander';
import type { WorkerView } from '../migration/api.ts';
import { clientFor, type CommonFlags, run, withCommonFlags } from './command.ts';
import { printJson, printTable, shownTime } from './output.ts';

type Session = { version: string; name: string | null; role: string | null; setupNeeded: boolean };

export function addStatusCommand(program: Command): void {
  withCommonFlags(program.command('status').description('whether a server answers, and its workers')).action(
    (flags: CommonFlags) =>
      run(flags, async () => {
        const client = clientFor(flags);
        const session = await client.get<Session>('/session');
        const { items: workers } = await client.get<{ items: WorkerView[] }>('/workers');
        if (flags.json === true) return printJson({ server: client.server, ...session, workers });
        process.stdout.write(`Wherry ${session.version} at ${client.server}, as ${session.name} (${session.role})\n`);
        if (session.setupNeeded) process.stdout.write('It has no administrator yet: wherry setup-token\n');
        process.stdout.write('\n');
        printTable(workers, [
          { title: 'WORKER', of: (row) => row.name },
          { title: 'HOST', of: (row) => row.host },
          { title: 'USER', of: (row) => row.user },
          { title: 'ALIVE', of: (row) => (row.alive ? 'yes' : 'no') },
          { title: 'VMS', of: (row) => String(row.load), right: true },
          { title: 'LAST SEEN', of: (row) => shownTime(row.lastSeenAt) },
        ]);
      }),
  );
}
