/**
 * libvirt's keep-alive program (src/rpc/virkeepaliveprotocol.x): a ping is answered with a pong, by either side. It finds
 * the connection of which only our half is left, which TCP alone tells after hours.
 */
import { encodeMessage, type Message, messageStatus, messageTypes } from './message.ts';

export const keepAliveProgram = 0x6b656570;
const ping = 1;
const pong = 2;

export type KeepAlive = {
  /** Anything arrived. */
  heard(): void;
  /** A message of the keep-alive program arrived. */
  answer(message: Message): void;
  /** Begins to ping; the daemon must have said that it knows how to answer. */
  start(): void;
  stop(): void;
};

export type KeepAliveOptions = {
  /** Silence after which we ask. */
  readonly intervalMs: number;
  /** So many unanswered pings mean that nobody is there. */
  readonly count: number;
};

export const usualKeepAlive: KeepAliveOptions = { intervalMs: 30_000, count: 3 };

export function keepAlive(
  options: KeepAliveOptions,
  send: (bytes: Buffer) => void,
  dead: (seconds: number) => void,
): KeepAlive {
  let unanswered = 0;
  let timer: NodeJS.Timeout | undefined;
  const tick = (): void => {
    if (unanswered >= options.count) {
      dead((options.intervalMs * options.count) / 1000);
      return;
    }
    unanswered++;
    send(packet(ping));
  };
  const stop = (): void => clearInterval(timer);
  return {
    heard: () => {
      unanswered = 0;
    },
    answer: (message) => {
      if (message.procedure === ping) send(packet(pong));
    },
    start: () => {
      stop();
      timer = setInterval(tick, options.intervalMs);
      timer.unref();
    },
    stop,
  };
}

function packet(procedure: number): Buffer {
  return encodeMessage({
    program: keepAliveProgram,
    version: 1,
    procedure,
    type: messageTypes.event,
    serial: 0,
    status: messageStatus.ok,
    payload: Buffer.alloc(0),
  });
}
