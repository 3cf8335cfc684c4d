/**
 * One connection to a libvirt daemon, over whatever carries its bytes. Any number of calls may be in flight: each has a
 * serial, and the daemon answers in the order it likes. Events come in between.
 */
import type { Readable, Writable } from 'node:stream';
import { type KeepAliveOptions, keepAlive, keepAliveProgram, usualKeepAlive } from './keep-alive.ts';
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
/** Gets an event's procedure and what it carries. What it throws ends the connection. */
export type EventListener = (procedure: number, reader: XdrReader) => void;

export type RpcConnection = {
  /**
   * Calls a procedure. An aborted call rejects at once; the daemon may still carry it out.
   * @throws LibvirtError what the daemon answered; what `options.lost` and `options.silent` make.
   */
  call<T>(procedure: number, encode: Encode, decode: Decode<T>, signal: AbortSignal): Promise<T>;
  /** True until the connection ended, for whatever reason. */
  readonly open: boolean;
  /** Resolves with what ended it. */
  readonly ended: Promise<Error>;
  /** Before any event was asked for: an event that nobody listens to is dropped. */
  onEvent(listener: EventListener): void;
  /** Begins to ask whether the daemon is still there. */
  keepAlive(): void;
  close(): void;
};

export type RpcOptions = {
  /** How long one answer may take; starting a VM can take long. */
  readonly answerMs?: number;
  readonly keepAlive?: KeepAliveOptions;
  /** The error of calls whose connection broke, and of calls that were not answered. */
  lost(cause: unknown): Error;
  silent(seconds: number): Error;
};

type Carrier = { readonly readable: Readable; readonly writable: Writable; destroy(): void };

type Waiting = {
  readonly settle: (message: Message) => void;
  readonly fail: (error: unknown) => void;
};

/** Speaks over bytes that are connected already. */
export function speakRpc(wire: Carrier, options: RpcOptions): RpcConnection {
  const waiting = new Map<number, Waiting>();
  const split = messageSplitter();
  let serial = 0;
  let ended: Error | undefined;
  let listener: EventListener | undefined;
  const over = Promise.withResolvers<Error>();
  const alive = keepAlive(
    options.keepAlive ?? usualKeepAlive,
    (bytes) => void wire.writable.write(bytes),
    (seconds) => end(options.silent(seconds), true),
  );
  const end = (why: Error, asItIs = false): void => {
    ended ??= asItIs ? why : options.lost(why);
    alive.stop();
    wire.destroy();
    for (const call of waiting.values()) call.fail(ended);
    waiting.clear();
    over.resolve(ended);
  };
  const take = (message: Message): void => {
    if (message.program === keepAliveProgram) {
      alive.answer(message);
    } else if (message.program === remoteProgram && message.type === messageTypes.event) {
      listener?.(message.procedure, xdrReader(message.payload));
    } else if (message.program === remoteProgram && message.type === messageTypes.reply) {
      // A reply nobody waits for belongs to an aborted call; streams are never asked for.
      const call = waiting.get(message.serial);
      waiting.delete(message.serial);
      call?.settle(message);
    }
  };
  wire.readable.on('data', (chunk: Buffer) => {
    alive.heard();
    try {
      for (const message of split(chunk)) take(message);
    } catch (error) {
      end(error instanceof Error ? error : new Error(String(error)));
    }
  });
  wire.readable.on('error', end);
  wire.readable.on('close', () => end(new Error('the daemon closed the connection')));
  // Both ends of a socket are one object, those of a process are not.
  if (wire.writable !== (wire.readable as unknown)) wire.writable.on('error', end);

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
      const timer = setTimeout(() => fail(options.silent(answerMs / 1000)), answerMs);
      signal.addEventListener('abort', abort, { once: true });
      const settle = (message: Message): void => {
        done();
        resolve(message);
      };
      waiting.set(mine, { settle, fail });
      wire.writable.write(
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
    ended: over.promise,
    onEvent: (next) => {
      listener = next;
    },
    keepAlive: () => {
      if (ended === undefined) alive.start();
    },
    close: () => end(new Error('closed by us')),
    call: async (procedure, encode, decode, signal) => {
      signal.throwIfAborted();
      if (ended !== undefined) throw ended;
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
        throw ended ?? error;
      }
    },
  };
}
