/** Wires the roles: server, worker, the process of one VM migration or one watched provider; everything else is a client command. */
import { addImportCommand } from './cli/import-command.ts';
import { createProgram } from './cli/program.ts';
import { addVerifyCommand } from './cli/verify-command.ts';
import { addWorkerCommand } from './cli/worker-command.ts';

const needed = 26;
if (Number.parseInt(process.version.slice(1), 10) < needed) {
  process.stderr.write(`Wherry needs Node ${needed}, this is ${process.version}: start it with bin/wherry.\n`);
  process.exit(1);
}

if (process.argv[2] === 'step-child') {
  const [{ runStepChild }, { steps }, { createProviders }] = await Promise.all([
    import('./worker/step-child.ts'),
    import('./migration/steps/all.ts'),
    import('./wiring.ts'),
  ]);
  runStepChild({ steps, providers: createProviders() });
} else if (process.argv[2] === 'watch-child') {
  const [{ runWatchChild }, { connectOne }] = await Promise.all([
    import('./worker/watch-child.ts'),
    import('./watch-wiring.ts'),
  ]);
  runWatchChild({ connect: connectOne });
} else {
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
