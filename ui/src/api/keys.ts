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
  providers: ['providers', 'all'],
  /** What is in a provider has a key that begins with the provider's. */
  provider: (id: string) => ['providers', 'one', id],
  inProvider: (id: string, what: string) => ['providers', 'one', id, what],
  /** Every list of VMs and every VM of the inventory has a key that begins with this one. */
  vms: ['vms'],
  vmPages: (query: string) => ['vms', 'pages', query],
  vm: (id: string) => ['vms', 'one', id],
  savedFilters: ['saved filters'],
} as const;
