import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runChild } from '../process/child.ts';

const program = fileURLToPath(new URL('./test-threads.ts', import.meta.url));
const ways = {
  'who may take a priority back': [],
  'who may not: other threads take over':
    process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-sys_nice', '--inh-caps=-sys_nice', '--'] : [],
};

describe('threads that give way', () => {
  it.each(Object.entries(ways))(
    'run behind others until nobody wants it any more: %s',
    async (_, words) => {
      const [command = '', ...rest] = [...words, process.execPath, program];
      const said: unknown = JSON.parse(await runChild(command, rest, { timeoutMs: 60_000 }));
      expect(said).toMatchObject({ before: 0, after: 0, right: true });
      const { during, stillDuring } = said as { during: number; stillDuring: number };
      expect(during).toBeGreaterThan(0);
      expect(stillDuring).toBeGreaterThan(0);
    },
    90_000,
  );
});
