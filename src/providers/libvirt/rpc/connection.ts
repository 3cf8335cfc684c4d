/**
 * One connection to a libvirt daemon over its unix socket. Any number of calls may be in flight: each has a serial, and
 * the daemon answers in the order it likes.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { WherryError } from '../../../model/errors.ts';
import { readLibvirtError } from './libvirt-error.ts';
import {
  encodeMessage,
  type Message,
  messageSplitter,
  messageStatus,
  messageTypes,
  remoteProgram,
  remoteVersion,
} from './message.ts';
import { type XdrReader, type XdrWriter, xdrReader, xdrWriter } from './xdr.ts';

export type Encode = (writer: XdrWriter) => void;
export type Decode<T> = (reader: XdrReader) => T;

export type RpcConnection = {
  /**
   * Calls a procedure. An aborted call rejects at once; the daemon may still carry it out.
   * @throws LibvirtError what the daemon answered; WherryError libvirt.connection_lost, libvirt.no_answer.
   */
  call<T>(procedure: number, encode: Encode, decode: Decode<T>, signal: AbortSignal): Promise<T>;
  /** True until the connection ended, for whatever reason. */
  readonly open: boolean;
  close(): void;
};

export type RpcOptions = {
  readonly socketPath: string;
  /** How long one answer may take; starting a VM can take long. */
  readonly answerMs?: number;
};

type Waiting = {
  readonly procedure: number;
  readonly settle: (message: Message) => void;
  readonly fail: (error: unknown) => void;
};

/** Connects. @throws the system's own error (ENOENT, EACCES, ECONNREFUSED); the caller knows what it means. */
export async function connectRpc(options: RpcOptions, signal: AbortSignal): Promise<RpcConnection> {
  signal.throwIfAborted();
  const socket = connect({ path: options.socketPath });
  const abort = (): void => {
    socket.destroy(new Error('canceled'));
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    await once(socket, 'connect');
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
  return speak(socket, options);
}

function speak(socket: Socket, options: RpcOptions): RpcConnection {
  const waiting = new Map<number, Waiting>();
  const split = messageSplitter();
  let serial = 0;
  let ended: Error | undefined;
  const end = (why: Error): void => {
    ended ??= why;
    socket.destroy();
    const lost = new WherryError('libvirt.connection_lost', { socket: options.socketPath }, why);
    for (const call of waiting.values()) call.fail(lost);
    waiting.clear();
  };
  socket.on('data', (chunk: Buffer) => {
    try {
      for (const message of split(chunk)) {
        // Events, streams and keep-alive are never asked for; a reply nobody waits for belongs to an aborted call.
        if (message.program !== remoteProgram || message.type !== messageTypes.reply) continue;
        const call = waiting.get(message.serial);
        waiting.delete(message.serial);
        call?.settle(message);
      }
    } catch (error) {
      end(error instanceof Error ? error : new Error(String(error)));
    }
  });
  socket.on('error', end);
  socket.on('close', () => end(new Error('the daemon closed the connection')));

  const exchange = (procedure: number, payload: Buffer, signal: AbortSignal): Promise<Message> =>
    new Promise((resolve, reject) => {
      serial = serial === 0xffffffff ? 1 : serial + 1;
      const mine = serial;
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        waiting.delete(mine);
      };
      const fail = (error: unknown): void => {
        done();
        reject(error);
      };
      const abort = (): void => fail(signal.reason);
      const answerMs = options.answerMs ?? 120_000;
      const timer = setTimeout(() => {
        fail(new WherryError('libvirt.no_answer', { socket: options.socketPath, seconds: answerMs / 1000 }));
      }, answerMs);
      signal.addEventListener('abort', abort, { once: true });
      const settle = (message: Message): void => {
        done();
        resolve(message);
      };
      waiting.set(mine, { procedure, settle, fail });
      socket.write(
        encodeMessage({
          program: remoteProgram,
          version: remoteVersion,
          procedure,
          type: messageTypes.call,
          serial: mine,
          status: messageStatus.ok,
          payload,
        }),
      );
    });

  return {
    get open() {
      return ended === undefined;
    },
    close: () => end(new Error('closed by us')),
    call: async (procedure, encode, decode, signal) => {
      signal.throwIfAborted();
      if (ended !== undefined) throw new WherryError('libvirt.connection_lost', { socket: options.socketPath }, ended);
      const writer = xdrWriter();
      encode(writer);
      const message = await exchange(procedure, writer.finish(), signal);
      try {
        const reader = xdrReader(message.payload);
        if (message.status === messageStatus.error) throw readLibvirtError(reader);
        if (message.procedure !== procedure) throw new Error(`an answer to procedure ${message.procedure}`);
        const result = decode(reader);
        reader.end();
        return result;
      } catch (error) {
        // What the daemon refused is an answer; what cannot be read means that nothing after it can be trusted.
        if (!(error instanceof Error) || error.name === 'LibvirtError') throw error;
        end(error);
        throw new WherryError('libvirt.connection_lost', { socket: options.socketPath }, error);
      }
    },
  };
}
