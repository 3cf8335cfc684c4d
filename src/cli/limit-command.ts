/** `wherry limit set|list|clear`: bandwidth limits, obeyed within a second by copies that run. */
import { type Command, Argument } from 'commander';
import type { LimitView, SetLimits, WorkerView } from '../migration/api.ts';
import { WherryError } from '../model/errors.ts';
import type { Client } from './client.ts';
import { clientFor, type CommonFlags, run, withCommonFlags } from './command.ts';
import { printJson, printTable, shownBytes, shownTime } from './output.ts';
import { parseRate } from './rate.ts';

type Scope = LimitView['scope'];
type Items = { readonly items: readonly LimitView[] };

const scopeArgument = (): Argument =>
  new Argument('<scope>', 'what is limited').choices(['migration', 'worker', 'provider', 'host']);

export function addLimitCommand(program: Command): void {
  const limit = program.command('limit').description('bandwidth limits of migrations, workers, providers and hosts');
  const id = '<id>';
  withCommonFlags(
    limit
      .command('set')
      .description('limit all copies of one together: wherry limit set host kvm1 100MiB')
      .addArgument(scopeArgument())
      .argument(id, 'its id; of a worker or host also its name')
      .argument('<rate>', 'per second: 100MiB, 80MB, 900Mbit, or bytes'),
  ).action((scopeName: Scope, given: string, rate: string, flags: CommonFlags) =>
    run(flags, () => put(flags, scopeName, given, parseRate(rate))),
  );
  withCommonFlags(
    limit.command('clear').description('lift a limit').addArgument(scopeArgument()).argument(id, 'as with set'),
  ).action((scopeName: Scope, given: string, flags: CommonFlags) =>
    run(flags, () => put(flags, scopeName, given, null)),
  );
  withCommonFlags(limit.command('list').description('the limits that are set')).action((flags: CommonFlags) =>
    run(flags, async () => show((await clientFor(flags).get<Items>('/limits')).items, flags)),
  );
}

async function put(flags: CommonFlags, scope: Scope, given: string, bytesPerSecond: number | null): Promise<void> {
  const client = clientFor(flags);
  const id = scope === 'worker' ? await workerId(client, given) : given;
  const body: SetLimits = { limits: [{ scope, id, bytesPerSecond }] };
  show((await client.put<Items>('/limits', body)).items, flags);
}

/** @throws client.usage when several workers have the name */
async function workerId(client: Client, given: string): Promise<string> {
  const { items } = await client.get<{ items: WorkerView[] }>('/workers');
  const named = items.filter(({ id, name }) => id === given || name === given);
  if (named.length > 1)
    throw new WherryError('client.usage', { problem: `several workers are called ${given}: use an id` });
  return named[0]?.id ?? given;
}

function show(items: readonly LimitView[], flags: CommonFlags): void {
  if (flags.json === true) return printJson(items);
  printTable(items, [
    { title: 'SCOPE', of: (row) => row.scope },
    { title: 'NAME', of: (row) => row.name },
    { title: 'LIMIT', of: (row) => `${shownBytes(row.bytesPerSecond)}/s`, right: true },
    { title: 'SET BY', of: (row) => row.setBy },
    { title: 'SET', of: (row) => shownTime(row.setAt) },
    { title: 'ID', of: (row) => row.id },
  ]);
}
