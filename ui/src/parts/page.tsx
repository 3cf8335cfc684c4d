import { Bullseye, PageSection, Spinner } from '@patternfly/react-core';
import type { UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, useEffect } from 'react';
import { Problem } from './problem.tsx';

/** What the browser's tab and its history say. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = title === '' ? 'Wherry' : `${title} · Wherry`;
  }, [title]);
}

type Asked<T> = Pick<UseQueryResult<T>, 'data' | 'error'>;

/** What is known is shown, also while the server is away; an error only where there is nothing to show. */
export function Loaded<T>({
  query,
  children,
}: {
  readonly query: Asked<T>;
  readonly children: (data: T) => ReactNode;
}) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  return (
    <PageSection>
      {query.error === null ? (
        <Bullseye>
          <Spinner aria-label="Loading" />
        </Bullseye>
      ) : (
        <Problem error={query.error} />
      )}
    </PageSection>
  );
}
