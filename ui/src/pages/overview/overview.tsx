import { Content, EmptyState, EmptyStateBody, PageSection, Title } from '@patternfly/react-core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { get } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { MigrationPage, MigrationSummary } from '../../api/types.ts';
import { Loaded, usePageTitle } from '../../parts/page.tsx';
import { EndedTable } from './ended-table.tsx';
import { ProgressCard } from './progress-card.tsx';

/** Migrations in progress and completed, as the first ManageIQ V2V design has them. */
export function OverviewPage() {
  usePageTitle('Overview');
  const inProgress = useQuery({
    queryKey: keys.inProgress,
    queryFn: () => get<MigrationPage>('/migrations?ended=false&limit=200'),
  });
  const ended = useInfiniteQuery({
    queryKey: keys.ended,
    initialPageParam: '',
    queryFn: ({ pageParam }) =>
      get<MigrationPage>(
        `/migrations?ended=true&limit=20${pageParam === '' ? '' : `&after=${encodeURIComponent(pageParam)}`}`,
      ),
    getNextPageParam: (page) => page.next,
  });
  return (
    <>
      <PageSection>
        <Title headingLevel="h1">Migrations</Title>
      </PageSection>
      <Loaded query={inProgress}>
        {({ items }) => (
          <Loaded query={ended}>
            {({ pages }) => {
              const done = pages.flatMap((page) => page.items);
              if (items.length === 0 && done.length === 0) return <Nothing />;
              return (
                <>
                  <InProgress migrations={items} />
                  <EndedTable
                    migrations={done}
                    more={ended.hasNextPage ? () => void ended.fetchNextPage() : null}
                    isLoadingMore={ended.isFetchingNextPage}
                  />
                </>
              );
            }}
          </Loaded>
        )}
      </Loaded>
    </>
  );
}

function InProgress({ migrations }: { readonly migrations: readonly MigrationSummary[] }) {
  return (
    <PageSection aria-labelledby="in-progress">
      <Title headingLevel="h2" size="lg" id="in-progress">
        In progress ({migrations.length})
      </Title>
      {migrations.length === 0 ? (
        <Content component="p">Nothing is being migrated now.</Content>
      ) : (
        <div className="w-cards">
          {migrations.map((migration) => (
            <ProgressCard key={migration.id} migration={migration} />
          ))}
        </div>
      )}
    </PageSection>
  );
}

function Nothing() {
  return (
    <PageSection isFilled>
      <EmptyState titleText="No migrations yet" headingLevel="h2">
        <EmptyStateBody>
          Start one on the machine that Wherry runs on:
          <br />
          <code>wherry import FILE.ova --to libvirt</code>
          <br />
          It appears here at once.
        </EmptyStateBody>
      </EmptyState>
    </PageSection>
  );
}
