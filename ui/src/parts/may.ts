import { createContext, useContext } from 'react';
import type { Session } from '../api/types.ts';

export const SessionContext = createContext<Session | null>(null);

/** Whether who is signed in may start and stop things. The server decides; this only hides what it would refuse. */
export function useMayOperate(): boolean {
  const role = useContext(SessionContext)?.role ?? null;
  return role !== null && role !== 'viewer';
}

/** Whether who is signed in may add, change and remove what holds secrets, likewise. */
export function useMayAdminister(): boolean {
  return useContext(SessionContext)?.role === 'administrator';
}
