import { Bullseye, Spinner } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { BrowserRouter, Navigate, Route, Routes } from 'react-router';
import { get } from './api/client.ts';
import type { Session } from './api/types.ts';
import { MigrationPage } from './pages/migration/migration.tsx';
import { OverviewPage } from './pages/overview/overview.tsx';
import { SetUpPage } from './pages/sign-in/set-up.tsx';
import { SignInPage } from './pages/sign-in/sign-in.tsx';
import { WorkersPage } from './pages/workers/workers.tsx';
import { Problem } from './parts/problem.tsx';
import { Shell } from './shell.tsx';

export function App() {
  const session = useQuery({ queryKey: ['session'], queryFn: () => get<Session>('/session') });
  if (session.isPending) {
    return (
      <Bullseye>
        <Spinner aria-label="Loading" />
      </Bullseye>
    );
  }
  if (session.isError) return <Problem error={session.error} />;
  if (session.data.setupNeeded) return <SetUpPage />;
  if (!session.data.signedIn) return <SignInPage />;
  return (
    <BrowserRouter>
      <Shell session={session.data}>
        <Routes>
          <Route path="/" element={<OverviewPage />} />
          <Route path="/migrations/:id" element={<MigrationPage />} />
          <Route path="/workers" element={<WorkersPage />} />
          <Route path="*" element={<Navigate to="/" replace />} />
        </Routes>
      </Shell>
    </BrowserRouter>
  );
}
