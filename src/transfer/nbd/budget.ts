/** How many bytes may be in flight at once; who wants more waits, in order. */
export type Budget = {
  /** Resolves once there is room. More than the whole budget is let in when nothing else is. */
  take(bytes: number): Promise<void>;
  give(bytes: number): void;
};

export function budget(totalBytes: number): Budget {
  let used = 0;
  const waiting: { bytes: number; go: () => void }[] = [];
  const fits = (bytes: number): boolean => used === 0 || used + bytes <= totalBytes;
  return {
    take(bytes) {
      if (waiting.length === 0 && fits(bytes)) {
        used += bytes;
        return Promise.resolve();
      }
      return new Promise((go) => {
        waiting.push({ bytes, go });
      });
    },
    give(bytes) {
      used -= bytes;
      for (let next = waiting[0]; next !== undefined && fits(next.bytes); next = waiting[0]) {
        waiting.shift();
        used += next.bytes;
        next.go();
      }
    },
  };
}
