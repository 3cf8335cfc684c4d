/** The end of an attempt as its worker tells it, and all that follows from it, in one transaction. */
import Type from 'typebox';
import { Value } from 'typebox/value';
import type { Db, Tx } from '../db/db.ts';
import { Concern } from '../model/concern.ts';
import { toStored, WherryError } from '../model/errors.ts';
import { failPoint } from '../model/fail-points.ts';
import { newId } from '../model/ids.ts';
import { Vm } from '../model/vm.ts';
import { noteRefusal } from './access-store.ts';
import { acceptReport } from './attempt-store.ts';
import { type ItineraryFacts, resolveItinerary } from './itinerary.ts';
import type { Policy } from './policy.ts';
import type { Finish, Outcome } from './protocol.ts';
import { currentStep, json, lockEngine, maybeJson, type StepRow } from './rows-store.ts';
import { endAttempt } from './settle-store.ts';

/** What the engine keeps of preflight's result; the rest is for the steps. */
const PreflightResult = Type.Object({
  vm: Vm,
  targetName: Type.String(),
  concerns: Type.Array(Concern),
  inOrder: Type.Optional(Type.Boolean()),
  stream: Type.Optional(Type.Boolean()),
});

/**
 * Said again, it changes nothing and is answered the same, whatever the outcome says then.
 * @throws migration.stale_attempt when the attempt was given to somebody else
 */
export async function finish(db: Db, policy: Policy, { report, outcome }: Finish): Promise<void> {
  await db.transaction(async (tx) => {
    await lockEngine(tx);
    const attempt = await tx
      .selectFrom('attempt')
      .select('ended_by')
      .where('token', '=', report.token)
      .executeTakeFirst();
    if (attempt?.ended_by === 'worker') return;
    const step = await currentStep(tx, report.token);
    await acceptReport(tx, policy, report);
    const { fruitless } = await tx
      .selectFrom('step')
      .select('fruitless')
      .where('id', '=', step.id)
      .executeTakeFirstOrThrow();
    await endAttempt(tx, policy, { ...step, fruitless }, await keepPreflight(tx, step, outcome), 'worker');
    await noteRefusal(tx, step, outcome);
    await failPoint('server.finish.before-commit');
  });
  await failPoint('server.finish.after-commit');
}

async function keepPreflight(tx: Tx, step: StepRow, outcome: Outcome): Promise<Outcome> {
  if (step.name !== 'preflight' || outcome.kind !== 'succeeded') return outcome;
  const { result } = outcome;
  if (!Value.Check(PreflightResult, result)) {
    const [first] = Value.Errors(PreflightResult, result);
    const cause = new Error(first === undefined ? 'not as agreed' : `${first.instancePath}: ${first.message}`);
    const error = new WherryError('migration.bad_result', { step: step.name, vm: step.vm_migration_id }, cause);
    return { kind: 'failed', error: toStored(error) };
  }
  await tx
    .updateTable('vm_migration')
    .set({ vm: json(result.vm), target_name: result.targetName.replaceAll('\0', ''), concerns: json(result.concerns) })
    .where('id', '=', step.vm_migration_id)
    .execute();
  await freezeItinerary(tx, step, { inOrder: result.inOrder ?? false, stream: result.stream ?? false });
  return outcome;
}

/**
 * Now that the source is known, so is the way; from here on it stays. Nothing but preflight has begun, so the steps that
 * wait are put in the new order, made or dropped.
 */
async function freezeItinerary(tx: Tx, preflight: StepRow, facts: ItineraryFacts): Promise<void> {
  const id = preflight.vm_migration_id;
  const { spec, itinerary: before } = await tx
    .selectFrom('vm_migration')
    .select(['spec', 'itinerary'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  const itinerary = resolveItinerary(spec, facts);
  if (itinerary.name === before.name) return; // a newer version of the same is for newer migrations
  const others = await tx
    .selectFrom('step')
    .select(['name', 'state', 'checkpoint'])
    .where('vm_migration_id', '=', id)
    .where('id', '!=', preflight.id)
    .execute();
  if (others.some(({ state }) => state !== 'waiting')) return; // it is being stopped
  await tx
    .updateTable('vm_migration')
    .set({ itinerary: json(itinerary), itinerary_version: itinerary.version })
    .where('id', '=', id)
    .execute();
  await tx.deleteFrom('step').where('vm_migration_id', '=', id).where('state', '=', 'waiting').execute();
  const rest = itinerary.steps.flatMap(({ name, after }, position) =>
    name === preflight.name
      ? []
      : [
          {
            id: newId(),
            vm_migration_id: id,
            position,
            name,
            after: [...after],
            state: 'waiting' as const,
            // What a retry begins with.
            checkpoint: maybeJson(others.find((step) => step.name === name)?.checkpoint ?? null),
          },
        ],
  );
  await tx.insertInto('step').values(rest).execute();
}
