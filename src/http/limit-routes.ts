/** Bandwidth limits of migrations, workers, providers and hosts; a change acts within a second. */
import { LimitList, SetLimits } from '../migration/api.ts';
import type { Engine } from '../migration/engine.ts';
import { listLimits, setLimits } from '../migration/limit-store.ts';
import { actorOf } from './auth/authenticate.ts';
import type { Routes } from './routes.ts';

export function limitRoutes({ db }: Pick<Engine, 'db'>): Routes {
  return {
    schemas: { LimitList, SetLimits },
    register: (app) => {
      app.get(
        '/limits',
        {
          config: { permission: 'viewer' },
          schema: {
            operationId: 'listLimits',
            summary: 'Bandwidth limits that are set',
            tags: ['limits'],
            response: { 200: LimitList },
          },
        },
        async () => ({ items: await listLimits(db.kysely) }),
      );
      app.put(
        '/limits',
        {
          config: { permission: 'operator' },
          schema: {
            operationId: 'setLimits',
            summary: 'Sets bandwidth limits, or lifts those given as null; others stay as they are',
            tags: ['limits'],
            body: SetLimits,
            response: { 200: LimitList },
          },
        },
        async (request) => {
          await setLimits(db, request.body, actorOf(request).name);
          return { items: await listLimits(db.kysely) };
        },
      );
    },
  };
}
