import '@patternfly/react-core/dist/styles/base.css';
import './app.css';
import './inventory.css';
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { isSignedOut } from './api/client.ts';
import { keys } from './api/keys.ts';
import { App } from './app.tsx';
import { followSystemTheme } from './theme.ts';

followSystemTheme();

const onError = (error: Error): void => {
  if (isSignedOut(error)) void queries.invalidateQueries({ queryKey: keys.session });
};

// Nothing is polled: the event stream says what changed (api/live.ts), and only that is read again.
const queries = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: {
      staleTime: Number.POSITIVE_INFINITY,
      retry: false,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
});

const root = document.getElementById('root');
if (root === null) throw new Error('the page has no #root');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
