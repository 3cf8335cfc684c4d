/** Something that people look at has changed: what the servers on one database tell each other, and their clients. */
export type Change =
  | { readonly kind: 'migration' | 'vm_migration' | 'worker' | 'provider' | 'event'; readonly id: string }
  /** Something may have been missed: read again whatever is shown. */
  | { readonly kind: 'reload' };

/** The PostgreSQL channel that carries them, as JSON. */
export const changeChannel = 'wherry_change';
