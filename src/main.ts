/**
 * Wires the roles: server, worker, the process of one VM migration or one watched provider; everything else is a client
 * command. Each loads what it is made of, and nothing of the others: processes are started for every question and migration.
 */
const needed = 26;
if (Number.parseInt(process.version.slice(1), 10) < needed) {
  process.stderr.write(`Wherry needs Node ${needed}, this is ${process.version}: start it with bin/wherry.\n`);
  process.exit(1);
}

if (process.argv[2] === 'step-child') {
  const [{ runStepChild }, { createProviders }] = await Promise.all([
    import('./worker/step-child.ts'),
    import('./wiring.ts'),
  ]);
  runStepChild({
    steps: async () => (await import('./migration/steps/all.ts')).steps,
    providers: createProviders(),
  });
} else if (process.argv[2] === 'watch-child') {
  const [{ runWatchChild }, { createProviders }] = await Promise.all([
    import('./worker/watch-child.ts'),
    import('./wiring.ts'),
  ]);
  runWatchChild(createProviders());
} else {
  const { runCommand } = await import('./command-wiring.ts');
  await runCommand();
}
