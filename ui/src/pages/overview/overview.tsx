import {
  Bullseye,
  Content,
  EmptyState,
  EmptyStateBody,
  Gallery,
  PageSection,
  Spinner,
  Title,
} from '@patternfly/react-core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { get } from '../../api/client.ts';
import type { MigrationPage, MigrationSummary } from '../../api/types.ts';
import { Problem } from '../../parts/problem.tsx';
import { EndedTable } from './ended-table.tsx';
import { ProgressCard } from './progress-card.tsx';

const ended: ReadonlySet<string> = new Set(['succeeded', 'failed', 'canceled', 'denied']);

/** Migrations in progress and completed, as the first ManageIQ V2V design has them. */
export function OverviewPage() {
  const pages = useInfiniteQuery({
    queryKey: ['migrations', 'list'],
    initialPageParam: '',
    queryFn: ({ pageParam }) =>
      get<MigrationPage>(`/migrations${pageParam === '' ? '' : `?after=${encodeURIComponent(pageParam)}`}`),
    getNextPageParam: (page) => page.next,
  });
  if (pages.isPending) {
    return (
      <PageSection>
        <Bullseye>
          <Spinner aria-label="Loading migrations" />
        </Bullseye>
      </PageSection>
    );
  }
  if (pages.isError) {
    return (
      <PageSection>
        <Problem error={pages.error} />
      </PageSection>
    );
  }
  const all = pages.data.pages.flatMap((page) => page.items);
  if (all.length === 0) return <Nothing />;
  const more = pages.hasNextPage ? () => void pages.fetchNextPage() : null;
  return (
    <>
      <PageSection>
        <Title headingLevel="h1">Migrations</Title>
      </PageSection>
      <InProgress migrations={all.filter((migration) => !ended.has(migration.state))} />
      <PageSection isFilled>
        <EndedTable migrations={all.filter((migration) => ended.has(migration.state))} more={more} />
      </PageSection>
    </>
  );
}

function InProgress({ migrations }: { readonly migrations: readonly MigrationSummary[] }) {
  return (
    <PageSection>
      <Title headingLevel="h2" size="lg">
        In progress ({migrations.length})
      </Title>
      {migrations.length === 0 ? (
        <Content component="p">Nothing is being migrated now.</Content>
      ) : (
        <Gallery hasGutter minWidths={{ default: '320px' }}>
          {migrations.map((migration) => (
            <ProgressCard key={migration.id} migration={migration} />
          ))}
        </Gallery>
      )}
    </PageSection>
  );
}

function Nothing() {
  return (
    <PageSection isFilled>
      <EmptyState titleText="No migrations yet" headingLevel="h1">
        <EmptyStateBody>
          Start one on the machine that Wherry runs on: <code>wherry import FILE.ova --to libvirt</code>. It appears
          here at once.
        </EmptyStateBody>
      </EmptyState>
    </PageSection>
  );
}
