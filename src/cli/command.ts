/** What all client commands share: their options, one client, one way to end. */
import { type Command, Option } from 'commander';
import { type Client, clientOptions, createClient } from './client.ts';
import { exitCodeOf, printError } from './output.ts';

export type CommonFlags = { readonly server?: string; readonly home?: string; readonly json?: boolean };

/** Adds --server, --home and --json. */
export function withCommonFlags(command: Command): Command {
  return command
    .addOption(new Option('--server <url>', 'a server elsewhere (WHERRY_SERVER, with WHERRY_TOKEN)'))
    .addOption(new Option('--home <directory>', 'where the server on this machine keeps its data (WHERRY_HOME)'))
    .addOption(new Option('--json', 'print JSON'));
}

export function clientFor(flags: CommonFlags): Client {
  const { server, home } = flags;
  return createClient(
    clientOptions({ ...(server === undefined ? {} : { server }), ...(home === undefined ? {} : { home }) }),
  );
}

/** Runs a command's work; an error is printed and becomes the exit code. */
export async function run(flags: { readonly json?: boolean }, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    printError(error, flags.json === true);
    process.exitCode = exitCodeOf(error);
  }
}
