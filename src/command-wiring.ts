/** The command line, wired with the roles that its commands run. */
import { addImportCommand } from './cli/import-command.ts';
import { createProgram } from './cli/program.ts';
import { addVerifyCommand } from './cli/verify-command.ts';
import { addWorkerCommand } from './cli/worker-command.ts';

/** Runs the command that this process was started with. */
export async function runCommand(): Promise<void> {
  await createProgram({
    startServer: async (config) => {
      const [{ startServer }, { serverParts }] = await Promise.all([
        import('./http/server.ts'),
        import('./server-parts.ts'),
      ]);
      return startServer(config, serverParts);
    },
    commands: [
      addImportCommand,
      (program) =>
        addVerifyCommand(program, async (lines) => {
          const [{ parseManifests }, { checkFile }] = await Promise.all([
            import('./transfer/manifest-parse.ts'),
            import('./transfer/manifest-file.ts'),
          ]);
          const manifests = await parseManifests(lines);
          return {
            disks: manifests.map(({ disk, coverage, about }) => ({
              disk,
              name: about?.name ?? '',
              vm: about?.vm ?? '',
              sizeBytes: coverage.sizeBytes,
            })),
            check: async ({ disk, path, format }, onProgress, signal) => {
              const manifest = manifests.find((one) => one.disk === disk);
              if (manifest === undefined) throw new Error(`the manifest has no disk ${disk}`);
              return checkFile({ manifest, path, format }, signal, { onProgress });
            },
          };
        }),
      (program) =>
        addWorkerCommand(program, async (options, signal) => {
          const [{ runWorker }, { removeShortcut }] = await Promise.all([
            import('./worker/worker.ts'),
            import('./conversion/scratch.ts'),
          ]);
          return runWorker({ ...options, removeTraces: removeShortcut }, signal);
        }),
    ],
  }).parseAsync();
}
