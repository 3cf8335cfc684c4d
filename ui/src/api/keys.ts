/** What the console keeps of the server's data, and under which names (TanStack Query's keys). */
export const keys = {
  session: ['session'],
  inProgress: ['migrations', 'in progress'],
  ended: ['migrations', 'ended'],
  migration: (id: string) => ['migrations', 'one', id],
  /** By the VM migration's id. */
  log: (id: string) => ['log', id],
  /** By the VM migration's id. */
  rates: (id: string) => ['rates', id],
  workers: ['workers'],
} as const;
