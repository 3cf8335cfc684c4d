/** One socket to an NBD server: the handshake, then any number of requests in flight. */
import { type Socket, connect } from 'node:net';
import { type ExportFacts, shakeHands } from './handshake.ts';
import { inbound } from './inbound.ts';
import { type Pending, type StatusExtent, readReplies } from './replies.ts';
import { disconnectRequest, encodeRequest } from './wire.ts';

export type NbdAddress = { readonly socketPath: string } | { readonly host: string; readonly port: number };

export type Call = {
  readonly kind: Pending['kind'];
  readonly type: number;
  readonly flags?: number;
  readonly offset: number;
  readonly length: number;
  /** Read: filled with exactly `length` bytes. */
  readonly target?: Buffer;
  /** The target is the caller's again when the call ends: a canceled read ends when nothing can write to it any more. */
  readonly borrowed?: boolean;
  /** Write: sent as it is, without a copy. */
  readonly payload?: Buffer;
};

/** How a request ended; a refusal of the server is an answer, not an exception. */
export type Answer = {
  readonly error: { readonly errno: number; readonly message: string } | undefined;
  /** Block status by the name of its metadata context. */
  readonly statuses: ReadonlyMap<string, readonly StatusExtent[]>;
};

export type Connection = {
  readonly facts: ExportFacts;
  /** Rejects when the connection ends first, or on abort. */
  call(call: Call, signal: AbortSignal): Promise<Answer>;
  /** Ends it at once; every pending call fails with this. */
  fail(error: Error): void;
  /** Says goodbye (NBD_CMD_DISC) and resolves when the socket is gone, after at most a second. */
  close(): Promise<void>;
};

const handshakeMs = 15_000;
const goodbyeMs = 1_000;
const noStatuses: ReadonlyMap<string, readonly StatusExtent[]> = new Map();

/**
 * @param lost called once, when the connection had come to be and has ended without `close`.
 * @throws what the handshake throws, a socket's error, or the signal's reason.
 */
export function openConnection(
  address: NbdAddress,
  exportName: string,
  contexts: readonly string[],
  lost: (error: Error) => void,
  signal: AbortSignal,
): Promise<Connection> {
  signal.throwIfAborted();
  const cookieHigh = Math.floor(Math.random() * 0xffff_ffff);
  const inFlight = new Map<number, Pending>();
  const failures = new Map<number, (error: Error) => void>();
  let contextNames = new Map<number, string>();
  let ended: Error | undefined;
  let closing = false;
  let isOpen = false;
  let nextCookie = 0;
  const opened = Promise.withResolvers<Connection>();
  const gone = Promise.withResolvers<void>();

  const fail = (error: Error): void => {
    if (ended !== undefined) return;
    ended = error;
    socket.destroy();
    opened.reject(error);
    for (const reject of failures.values()) reject(error);
    failures.clear();
    inFlight.clear();
    // One that never came to be takes no other along: a server may give out fewer connections than we ask for.
    if (isOpen && !closing) lost(error);
  };

  const call = (wanted: Call, callSignal: AbortSignal): Promise<Answer> => {
    if (ended !== undefined) return Promise.reject(ended);
    if (callSignal.aborted) return Promise.reject(abortReason(callSignal));
    const cookie = nextCookie;
    nextCookie = (nextCookie + 1) >>> 0;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    let sent = false;
    let aborted = false;
    const finish = (): void => {
      callSignal.removeEventListener('abort', onAbort);
      failures.delete(cookie);
    };
    const onAbort = (): void => {
      aborted = true;
      // A write's bytes belong to us until the kernel has them: giving them back earlier could send other bytes. A reply
      // to a canceled read would fill what the caller uses for something else by then. Where the server does not even
      // take or send them, only ending the connection gets the buffers back.
      if (sent && wanted.borrowed !== true) giveUp();
      else
        setTimeout(() => failures.has(cookie) && fail(new Error('a canceled request does not end')), goodbyeMs).unref();
    };
    const giveUp = (): void => {
      finish();
      reject(abortReason(callSignal));
    };
    const pending: Pending = {
      kind: wanted.kind,
      offset: wanted.offset,
      length: wanted.length,
      ...(wanted.target === undefined ? {} : { target: wanted.target }),
      done() {
        finish();
        if (aborted) reject(abortReason(callSignal));
        else resolve({ error: pending.error, statuses: byName(pending.statuses) });
      },
    };
    inFlight.set(cookie, pending);
    failures.set(cookie, (error) => {
      finish();
      reject(error);
    });
    callSignal.addEventListener('abort', onAbort, { once: true });
    const header = encodeRequest({
      flags: wanted.flags ?? 0,
      type: wanted.type,
      cookieHigh,
      cookieLow: cookie,
      offset: wanted.offset,
      length: wanted.length,
    });
    const onSent = (): void => {
      sent = true;
      if (aborted) giveUp();
    };
    if (wanted.payload === undefined) {
      socket.write(header);
      sent = true;
    } else {
      socket.cork();
      socket.write(header);
      socket.write(wanted.payload, onSent);
      socket.uncork();
    }
    return promise;
  };

  const byName = (statuses: Pending['statuses']): Answer['statuses'] => {
    if (statuses === undefined) return noStatuses;
    return new Map([...statuses].map(([id, extents]) => [contextNames.get(id) ?? '', extents]));
  };

  const close = async (): Promise<void> => {
    closing = true;
    if (ended === undefined) {
      socket.end(disconnectRequest);
      const timer = setTimeout(() => fail(new Error('closed')), goodbyeMs);
      await gone.promise;
      clearTimeout(timer);
    }
    await gone.promise;
  };

  function* conversation(): Generator<Buffer, void, void> {
    const facts = yield* shakeHands(exportName, contexts, (message) => socket.write(message));
    contextNames = new Map([...facts.contexts].map(([name, id]) => [id, name]));
    isOpen = true;
    opened.resolve({ facts, call, fail, close });
    yield* readReplies(inFlight, cookieHigh, facts.structured);
  }
  const incoming = inbound(conversation());
  const socket: Socket = connect({
    ...('socketPath' in address ? { path: address.socketPath } : { host: address.host, port: address.port }),
    onread: {
      buffer: () => incoming.nextBuffer(),
      callback: (count) => {
        try {
          incoming.received(count);
        } catch (error) {
          fail(error instanceof Error ? error : new Error(String(error)));
        }
        return true;
      },
    },
  });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 15_000);
  socket.on('error', fail);
  socket.on('end', () => fail(new Error('the server ended the connection')));
  socket.on('close', () => {
    fail(new Error('the connection was closed'));
    gone.resolve();
  });

  const onAbort = (): void => fail(abortReason(signal));
  const timer = setTimeout(() => fail(new Error(`no complete handshake in ${handshakeMs} ms`)), handshakeMs);
  signal.addEventListener('abort', onAbort, { once: true });
  return opened.promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  });
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('canceled', { cause: signal.reason });
}
