/** Lists the scenarios, or runs the named ones: exit code 0 only when all their checks held. */
import { parseArgs } from 'node:util';
import { scenarios } from './scenarios.ts';
import { runScenario } from './run-scenario.ts';

const { values, positionals } = parseArgs({ options: { list: { type: 'boolean' } }, allowPositionals: true });

if (values.list === true || positionals.length === 0) {
  for (const scenario of scenarios) {
    console.log(`${scenario.name.padEnd(24)} ${scenario.proves}${scenario.long === true ? ' (long)' : ''}`);
  }
} else {
  let failed = false;
  for (const name of positionals) {
    const scenario = scenarios.find((known) => known.name === name);
    if (scenario === undefined) {
      console.error(`There is no scenario ${name}. script/accept lists them.`);
      process.exit(2);
    }
    const outcome = await runScenario(scenario);
    if (outcome.kind !== 'passed') failed = true;
  }
  process.exit(failed ? 1 : 0);
}
