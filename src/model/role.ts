/** What an account may do; each role may do all that the ones before it may. */
export const roles = ['viewer', 'operator', 'planner', 'administrator'] as const;
export type Role = (typeof roles)[number];

/** Whether `role` is enough where `needed` is asked for. */
export function roleCovers(role: Role, needed: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(needed);
}
