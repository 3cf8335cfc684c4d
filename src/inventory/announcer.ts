/** Says that a provider changed: the first time at once, then at most once in `everyMs`, and never not at all. */
export function createAnnouncer(
  publish: (id: string) => Promise<void>,
  everyMs: number,
  onError: (error: unknown) => void,
): { changed(id: string): void; stop(): void } {
  /** Those that were told of a moment ago, and whether there is more to tell since. */
  const resting = new Map<string, { timer: NodeJS.Timeout; again: boolean }>();
  const tell = (id: string): void => {
    publish(id).catch(onError);
    const timer = setTimeout(() => {
      const { again } = resting.get(id) ?? { again: false };
      resting.delete(id);
      if (again) tell(id);
    }, everyMs);
    resting.set(id, { timer, again: false });
  };
  return {
    changed: (id) => {
      const now = resting.get(id);
      if (now === undefined) tell(id);
      else now.again = true;
    },
    stop: () => {
      for (const { timer } of resting.values()) clearTimeout(timer);
      resting.clear();
    },
  };
}
