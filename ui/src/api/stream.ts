/**
 * The server's event stream, kept open. Browsers connect again by themselves after a broken connection, but give up for
 * good on an answer that is no stream (a proxy's 502, a 401): then we try again, ever more slowly, and whoever listens
 * is told to look at the session. A page that nobody sees closes its stream after a while, because browsers allow six
 * connections to a server and many tabs would use them up; it opens again, and reads everything again, when it is seen.
 */
export type Change =
  | { readonly kind: 'migration' | 'vm_migration' | 'worker' | 'provider'; readonly id: string }
  | { readonly kind: 'event'; readonly id: string; readonly event?: { readonly migrationId: string | null } }
  | { readonly kind: 'reload' };
export type StreamState = 'connecting' | 'live' | 'broken';

const unseenMs = 60_000;
const longestWaitMs = 10_000;

export function openStream(listener: {
  state(state: StreamState): void;
  change(change: Change): void;
  /** The answer was no stream: the session may have ended. */
  refused(): void;
}): () => void {
  let source: EventSource | undefined;
  let retryTimer: number | undefined;
  let unseenTimer: number | undefined;
  let waitMs = 1_000;

  const close = (): void => {
    window.clearTimeout(retryTimer);
    source?.close();
    source = undefined;
  };
  const connect = (): void => {
    close();
    const opened = new EventSource('/api/v1/events/stream');
    source = opened;
    opened.addEventListener('open', () => {
      waitMs = 1_000;
      listener.state('live');
      listener.change({ kind: 'reload' }); // something may have been missed
    });
    opened.addEventListener('message', (event: MessageEvent<string>) => listener.change(parse(event.data)));
    opened.addEventListener('error', () => {
      listener.state('broken');
      if (opened.readyState !== EventSource.CLOSED) return;
      listener.refused();
      retryTimer = window.setTimeout(connect, waitMs);
      waitMs = Math.min(waitMs * 2, longestWaitMs);
    });
  };
  const onVisibility = (): void => {
    window.clearTimeout(unseenTimer);
    if (document.visibilityState === 'hidden') {
      unseenTimer = window.setTimeout(close, unseenMs);
    } else if (source === undefined) {
      listener.state('connecting');
      connect();
    }
  };
  document.addEventListener('visibilitychange', onVisibility);
  connect();
  return () => {
    document.removeEventListener('visibilitychange', onVisibility);
    window.clearTimeout(unseenTimer);
    close();
  };
}

function parse(data: string): Change {
  try {
    return JSON.parse(data) as Change;
  } catch {
    return { kind: 'reload' };
  }
}
