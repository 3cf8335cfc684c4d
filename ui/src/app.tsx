import { Bullseye, Button, Spinner } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useRef } from 'react';
import { BrowserRouter, Navigate, Route, Routes } from 'react-router';
import { get } from './api/client.ts';
import { keys } from './api/keys.ts';
import type { Session } from './api/types.ts';
import { MigrationPage } from './pages/migration/migration.tsx';
import { OverviewPage } from './pages/overview/overview.tsx';
import { ProviderPage } from './pages/provider/provider.tsx';
import { AddProviderPage, EditProviderPage } from './pages/provider-wizard/page.tsx';
import { ProvidersPage } from './pages/providers/providers.tsx';
import { SetUpPage } from './pages/sign-in/set-up.tsx';
import { SignInPage } from './pages/sign-in/sign-in.tsx';
import { VmPage } from './pages/vm/vm.tsx';
import { VmsPage } from './pages/vms/vms.tsx';
import { WorkersPage } from './pages/workers/workers.tsx';
import { SessionContext } from './parts/may.ts';
import { Problem } from './parts/problem.tsx';
import { Shell } from './shell.tsx';

export function App() {
  const session = useQuery({ queryKey: keys.session, queryFn: () => get<Session>('/session') });
  // Whoever was signed in and is not any more learns why; the address stays, so that they land where they were.
  const wasSignedIn = useRef(false);
  if (session.data === undefined) {
    if (session.error === null) {
      return (
        <Bullseye>
          <Spinner aria-label="Loading" />
        </Bullseye>
      );
    }
    return (
      <main className="w-alone">
        <Problem error={session.error} />
        <Button isLoading={session.isFetching} onClick={() => void session.refetch()}>
          Try again
        </Button>
      </main>
    );
  }
  if (session.data.setupNeeded) return <SetUpPage />;
  if (!session.data.signedIn) return <SignInPage hasEnded={wasSignedIn.current} />;
  wasSignedIn.current = true;
  return (
    <BrowserRouter>
      <SessionContext value={session.data}>
        <Shell>
          <Routes>
            <Route path="/" element={<OverviewPage />} />
            <Route path="/migrations/:id" element={<MigrationPage />} />
            <Route path="/providers" element={<ProvidersPage />} />
            <Route path="/providers/add" element={<AddProviderPage />} />
            <Route path="/providers/:id" element={<ProviderPage />} />
            <Route path="/providers/:id/edit" element={<EditProviderPage />} />
            <Route path="/vms" element={<VmsPage />} />
            <Route path="/vms/:id" element={<VmPage />} />
            <Route path="/workers" element={<WorkersPage />} />
            <Route path="*" element={<Navigate to="/" replace />} />
          </Routes>
        </Shell>
      </SessionContext>
    </BrowserRouter>
  );
}
