/** All connections of one NBD disk as one: requests go round, the loss of one connection ends all. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WherryError } from '../../model/errors.ts';
import { type Answer, type Call, type Connection, type NbdAddress, openConnection } from './connection.ts';
import { transmissionFlags } from './constants.ts';
import { type Action, connectionFailure, requestFailure } from './failure.ts';
import type { ExportFacts } from './handshake.ts';

export type SessionOptions = {
  readonly address: NbdAddress;
  readonly exportName: string;
  readonly connections: number;
  readonly contexts: readonly string[];
  /** The disk and its server in words that people know, for errors. */
  readonly where: string;
  /** Resolves with the last words of the serving process once it has ended; never rejects. */
  readonly peerEnded?: Promise<string>;
};

export type Session = {
  readonly facts: ExportFacts;
  readonly connectionCount: number;
  /** @throws WherryError transfer.*, or the signal's reason. */
  call(action: Action, call: Call, signal: AbortSignal): Promise<Answer>;
  close(): Promise<void>;
};

const lastWordsMs = 500;

/** @throws WherryError transfer.connect_failed, transfer.nbd_refused, transfer.nbd_protocol, or the signal's reason. */
export async function openSession(options: SessionOptions, signal: AbortSignal): Promise<Session> {
  const { address, exportName, contexts, where } = options;
  const connections: Connection[] = [];
  let closing = false;
  const lost = (error: Error): void => {
    for (const connection of connections) connection.fail(error);
  };
  const open = (): Promise<Connection> => openConnection(address, exportName, contexts, lost, signal);
  const explained = async (error: unknown, wasOpen: boolean): Promise<WherryError> => {
    const ended = options.peerEnded;
    if (ended === undefined || error instanceof WherryError) {
      return connectionFailure(error, where, exportName, wasOpen);
    }
    const words = await Promise.race([ended, sleep(lastWordsMs, undefined, { ref: false })]);
    const cause = words === undefined ? error : new Error(words, { cause: error });
    return connectionFailure(cause, where, exportName, wasOpen);
  };

  try {
    const first = await open();
    connections.push(first);
    const many = (first.facts.flags & transmissionFlags.canMultiConn) !== 0;
    const others = many ? Array.from({ length: Math.max(0, options.connections - 1) }, open) : [];
    for (const opened of await Promise.allSettled(others)) {
      if (opened.status === 'fulfilled') connections.push(opened.value);
      // A server that gives out only so many connections serves on those it gave.
      else signal.throwIfAborted();
    }
    for (const { facts } of connections) {
      if (facts.sizeBytes === first.facts.sizeBytes && facts.flags === first.facts.flags) continue;
      throw new WherryError('transfer.nbd_protocol', { where }, new Error('its connections tell different sizes'));
    }
  } catch (error) {
    await Promise.all(connections.map((connection) => connection.close()));
    signal.throwIfAborted();
    throw await explained(error, false);
  }

  let turn = 0;
  return {
    facts: connections[0]?.facts ?? unreachable(),
    connectionCount: connections.length,
    async call(action, call, callSignal) {
      turn = (turn + 1) % connections.length;
      const connection = connections[turn] ?? unreachable();
      let answer: Answer;
      try {
        answer = await connection.call(call, callSignal);
      } catch (error) {
        callSignal.throwIfAborted();
        if (closing) throw new WherryError('transfer.connection_lost', { where }, new Error('the disk was closed'));
        throw await explained(error, true);
      }
      if (answer.error !== undefined) throw requestFailure(answer.error, action, where, call.offset, call.length);
      return answer;
    },
    async close() {
      closing = true;
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
}

function unreachable(): never {
  throw new Error('a session without a connection');
}
