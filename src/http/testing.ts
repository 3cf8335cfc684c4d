/** An application on a real database, and a quick way to ask it. */
import type { InjectOptions, Response } from 'light-my-request';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase } from '../db/testing.ts';
import { newId } from '../model/ids.ts';
import { createApp, type WherryApp } from './app.ts';
import { type EventHub, startHub } from './event-hub.ts';
import type { Db } from '../db/db.ts';
import type { Routes } from './routes.ts';

export type Answer = {
  readonly status: number;
  readonly headers: Response['headers'];
  readonly text: string;
  readonly body: Record<string, unknown>;
};
export type AskOptions = { body?: unknown; headers?: Record<string, string>; local?: boolean };

export type MakeRoutes = (db: Db) => Promise<readonly Routes[]>;

export type TestApp = WherryApp & {
  readonly db: Db;
  readonly hub: EventHub;
  readonly setupTokenFile: string;
  /** As the unix socket's caller unless `local` is false. A POST gets a new Idempotency-Key. */
  ask(method: 'GET' | 'POST' | 'DELETE' | 'PUT' | 'PATCH', url: string, options?: AskOptions): Promise<Answer>;
  close(): Promise<void>;
};

/** @param routes what is there beside the base; may need the database */
export async function createTestApp(routes: readonly Routes[] | MakeRoutes = []): Promise<TestApp> {
  const database = await createTestDatabase();
  try {
    return await startTestApp(database, typeof routes === 'function' ? await routes(database.db) : routes);
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function startTestApp(database: TestDatabase, routes: readonly Routes[]): Promise<TestApp> {
  const { db } = database;
  const hub = await startHub(db);
  const stopping = new AbortController();
  const setupTokenFile = join(tmpdir(), `wherry-setup-token-${newId()}`);
  const made = await createApp({
    db,
    hub,
    routes,
    isLocal: ({ headers }) => headers['x-test-local'] === 'yes',
    setupTokenFile,
    stopping: stopping.signal,
    checkAnswers: true,
  });
  return {
    ...made,
    db,
    hub,
    setupTokenFile,
    ask: async (method, url, { body, headers = {}, local = true } = {}) => {
      const payload = body === undefined ? {} : { payload: body as NonNullable<InjectOptions['payload']> };
      const sent: Record<string, string> = { ...(local ? { 'x-test-local': 'yes' } : {}), host: 'wherry.test' };
      if (method === 'POST') sent['idempotency-key'] = newId();
      const answer = await made.app.inject({ method, url, ...payload, headers: { ...sent, ...headers } });
      const isJson = (answer.headers['content-type'] ?? '').includes('json') && answer.payload !== '';
      const parsed: unknown = isJson ? JSON.parse(answer.payload) : {};
      return {
        status: answer.statusCode,
        headers: answer.headers,
        text: answer.payload,
        body: parsed as Record<string, unknown>,
      };
    },
    close: async () => {
      stopping.abort();
      await made.app.close();
      await database.close();
      await rm(setupTokenFile, { force: true });
    },
  };
}
