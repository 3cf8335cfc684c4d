/** `wherry secrets rotate` */
import type { Command } from 'commander';
import type { RotatedSecrets } from '../inventory/api.ts';
import { clientFor, type CommonFlags, run, withCommonFlags } from './command.ts';
import { printJson } from './output.ts';

type Flags = CommonFlags & { readonly forgetLost?: boolean };

export function addSecretsCommand(program: Command): void {
  const secrets = program.command('secrets').description('the secrets of providers, encrypted in the database');
  withCommonFlags(
    secrets
      .command('rotate')
      .description('make a new key and encrypt every secret anew; the server goes on meanwhile')
      .option('--forget-lost', 'drop secrets whose key is lost; their providers have to be given them again'),
  ).action((flags: Flags) =>
    run(flags, async () => {
      const body = { forgetLost: flags.forgetLost === true };
      const done = await clientFor(flags).post<RotatedSecrets>('/secrets/rotate', body);
      if (flags.json === true) return printJson(done);
      const lost = done.forgotten === 0 ? '' : `, ${done.forgotten} were lost and are dropped`;
      process.stdout.write(`There is a new key; ${done.sealed} secrets are encrypted with it${lost}.\n`);
    }),
  );
}
