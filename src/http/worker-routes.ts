/** What workers say (src/migration/protocol.ts). All POST, all for workers; the protocol itself makes repeats safe. */
import type { FastifyReply } from 'fastify';
import Type from 'typebox';
import { heartbeat, writeCheckpoint, writeLedger } from '../migration/attempt-store.ts';
import { chunksFor } from '../migration/chunk-store.ts';
import type { Engine } from '../migration/engine.ts';
import { finish } from '../migration/finish-store.ts';
import {
  CallAnswer,
  CheckpointWrite,
  ChunksAnswer,
  ChunksRequest,
  Commands,
  CommandsRequest,
  Finish,
  Heartbeat,
  HeartbeatAnswer,
  Hello,
  HelloAnswer,
  LeaseAnswer,
  LeaseRequest,
  LedgerWrite,
} from '../migration/protocol.ts';
import { hello, unwantedOf } from '../migration/worker-store.ts';
import type { Routes } from './routes.ts';

const Done = Type.Object({});
const config = { permission: 'worker', idempotent: false } as const;
/** The end of an attempt brings all that was not told yet: a day of chunks and the log with them. */
const bodyLimit = 64 * 1024 * 1024;

function about(operationId: string, summary: string): { operationId: string; summary: string; tags: string[] } {
  return { operationId, summary, tags: ['worker'] };
}

export function workerRoutes(engine: Engine): Routes {
  const { db, policy } = engine;
  return {
    schemas: {},
    register: (app, { stopping }) => {
      app.post(
        '/worker/hello',
        {
          config,
          schema: { ...about('workerHello', 'Introduces a worker'), body: Hello, response: { 200: HelloAnswer } },
        },
        async ({ body }) => {
          await hello(db, policy, body);
          const unwanted = await unwantedOf(db, body.directories ?? []);
          return { leaseMs: policy.leaseMs, heartbeatMs: policy.heartbeatMs, unwanted };
        },
      );
      app.post(
        '/worker/lease',
        {
          config,
          schema: { ...about('workerLease', 'Asks for a step'), body: LeaseRequest, response: { 200: LeaseAnswer } },
        },
        async ({ body }, reply) => ({ lease: await engine.lease(body, untilGone(reply, stopping)) }),
      );
      app.post(
        '/worker/heartbeat',
        {
          config,
          bodyLimit,
          schema: {
            ...about('workerHeartbeat', 'Says that attempts live'),
            body: Heartbeat,
            response: { 200: HeartbeatAnswer },
          },
        },
        ({ body }) => heartbeat(db, policy, body),
      );
      app.post(
        '/worker/commands',
        {
          config,
          schema: {
            ...about('workerCommands', 'Asks what to know'),
            body: CommandsRequest,
            response: { 200: Commands },
          },
        },
        ({ body }, reply) => engine.commands(body, untilGone(reply, stopping)),
      );
      app.post(
        '/worker/ledger',
        {
          config,
          schema: { ...about('workerLedger', 'Records intent or effect'), body: LedgerWrite, response: { 200: Done } },
        },
        async ({ body }) => {
          await writeLedger(db, body);
          return {};
        },
      );
      app.post(
        '/worker/checkpoint',
        {
          config,
          bodyLimit,
          schema: {
            ...about('workerCheckpoint', 'Keeps a checkpoint'),
            body: CheckpointWrite,
            response: { 200: Done },
          },
        },
        async ({ body }) => {
          await writeCheckpoint(db, body.token, body.checkpoint);
          return {};
        },
      );
      app.post(
        '/worker/chunks',
        {
          config,
          schema: {
            ...about('workerChunks', 'Asks for known chunks'),
            body: ChunksRequest,
            response: { 200: ChunksAnswer },
          },
        },
        ({ body }) => chunksFor(db, body),
      );
      app.post(
        '/worker/finish',
        {
          config,
          bodyLimit,
          schema: { ...about('workerFinish', 'Ends an attempt'), body: Finish, response: { 200: Done } },
        },
        async ({ body }) => {
          await finish(db, policy, body);
          return {};
        },
      );
      app.post(
        '/worker/answer',
        {
          config,
          bodyLimit,
          schema: { ...about('workerAnswer', 'Answers a call'), body: CallAnswer, response: { 200: Done } },
        },
        async ({ body }) => {
          await engine.answer(body);
          return {};
        },
      );
    },
  };
}

/** A poll whose worker has gone, or whose server stops, must not take a step any more. */
function untilGone(reply: FastifyReply, stopping: AbortSignal): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  return AbortSignal.any([gone.signal, stopping]);
}
