/** The command line: one file per command. */
import { Command } from 'commander';
import { version } from '../version.ts';
import { addFinishCommand } from './finish-command.ts';
import { addLimitCommand } from './limit-command.ts';
import { addListCommand } from './list-command.ts';
import { addManifestCommand } from './manifest-command.ts';
import { addMigrationsCommand } from './migrations-command.ts';
import { exitCodes, exitCodesText } from './output.ts';
import { addProviderCommand } from './provider-command.ts';
import { addUploadCommand } from './upload-command.ts';
import { addRetryCommand } from './retry-command.ts';
import { addSecretsCommand } from './secrets-command.ts';
import { addServerCommand, type StartServer } from './server-command.ts';
import { addSetupTokenCommand } from './setup-token-command.ts';
import { addStatusCommand } from './status-command.ts';
import { addTokenCommand } from './token-command.ts';
import { addVmCommand } from './vm-command.ts';
import { addConcernsCommand } from './concerns-command.ts';
import { addFilterCommand } from './filter-command.ts';
import { addVersionCommand } from './version-command.ts';

export type Roles = {
  /** Loads what a server is made of only then: a client command starts in a fifth of a second. */
  readonly startServer: StartServer;
  /** Further commands, in the order of the help. */
  readonly commands: readonly ((program: Command) => void)[];
};

export function createProgram({ startServer, commands }: Roles): Command {
  const program = new Command('wherry')
    .description('Moves virtual machines between hypervisors, proves every byte, resumes anything.')
    .version(version, '-V, --version')
    .helpOption('-h, --help')
    .addHelpText('after', exitCodesText)
    .showHelpAfterError('(wherry --help lists all commands)');
  program.exitOverride(({ exitCode, code }) => {
    process.exit(code === 'commander.help' || exitCode === 0 ? exitCode : exitCodes.usage);
  });
  for (const add of commands) add(program);
  addLimitCommand(program);
  addListCommand(program);
  addManifestCommand(program);
  addMigrationsCommand(program);
  addRetryCommand(program);
  addFinishCommand(program);
  addProviderCommand(program);
  addUploadCommand(program);
  addVmCommand(program);
  addConcernsCommand(program);
  addFilterCommand(program);
  addStatusCommand(program);
  addServerCommand(program, startServer);
  addSetupTokenCommand(program);
  addTokenCommand(program);
  addSecretsCommand(program);
  addVersionCommand(program);
  return program;
}
