/**
 * What the sources alone tell: format, lint, types. They need the libraries and nothing else, so script/test looks at them
 * while packages are still being unpacked: `node test/gates.ts FILE` leaves what was found for test/run.ts.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

export type Gate = { readonly name: string; readonly passed: boolean };

const gates: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['format', 'biome', 'format', '.'],
  ['lint', 'oxlint', '--type-aware', '--deny-warnings'],
  ['types', 'tsc', '--noEmit'],
  ['types of the console', 'tsc', '--noEmit', '-p', 'ui'],
];

export function lookAtGates(): Gate[] {
  return gates.map(([name, command, ...args]) => {
    const { status } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    console.log(`${status === 0 ? 'PASS' : 'FAIL'} ${name}`);
    return { name, passed: status === 0 };
  });
}

if (import.meta.main) writeFileSync(process.argv[2] ?? '/dev/stdout', JSON.stringify(lookAtGates()));
