/** `wherry setup-token` */
import type { Command } from 'commander';
import { clientFor, type CommonFlags, run, withCommonFlags } from './command.ts';
import { WherryError } from '../model/errors.ts';
import { printJson } from './output.ts';

export function addSetupTokenCommand(program: Command): void {
  withCommonFlags(
    program.command('setup-token').description('print the one-time token that makes the first administrator'),
  ).action((flags: CommonFlags) =>
    run(flags, async () => {
      const { token } = await clientFor(flags).get<{ token: string | null }>('/setup-token');
      if (token === null) throw new WherryError('auth.setup_done');
      if (flags.json === true) printJson({ token });
      else process.stdout.write(`${token}\n`);
    }),
  );
}
