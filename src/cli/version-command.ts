/** `wherry version` */
import type { Command } from 'commander';
import { version } from '../version.ts';
import { printJson } from './output.ts';

export function addVersionCommand(program: Command): void {
  program
    .command('version')
    .description('print the version')
    .option('--json', 'print JSON')
    .action(({ json }: { json?: boolean }) => {
      if (json === true) printJson({ version, node: process.version });
      else process.stdout.write(`wherry ${version} (Node ${process.version})\n`);
    });
}
