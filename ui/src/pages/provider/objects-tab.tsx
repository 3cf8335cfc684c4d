import { Button, Content } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useInfiniteQuery } from '@tanstack/react-query';
import { get } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { ObjectPage } from '../../api/types.ts';
import { Loaded } from '../../parts/page.tsx';
import { columnsOf, type ListedKind } from './object-columns.ts';

/** A flat list: hosts, networks or storages. */
export function ObjectsTab({ providerId, kind }: { readonly providerId: string; readonly kind: ListedKind }) {
  const objects = useInfiniteQuery({
    queryKey: keys.inProvider(providerId, kind),
    initialPageParam: '',
    queryFn: ({ pageParam }) =>
      get<ObjectPage>(
        `/providers/${providerId}/objects?kind=${kind}&limit=2000${pageParam === '' ? '' : `&after=${pageParam}`}`,
      ),
    getNextPageParam: (page) => page.next,
  });
  const columns = columnsOf[kind];
  return (
    <Loaded query={objects}>
      {({ pages }) => {
        // Pages come in an order that nothing changes; people look for names.
        const items = pages.flatMap((page) => page.items).sort((a, b) => a.name.localeCompare(b.name));
        if (items.length === 0) return <Content component="p">It has none, or none is known yet.</Content>;
        return (
          <>
            <Table aria-label={`${kind}s`} variant="compact">
              <Thead>
                <Tr>
                  <Th width={30}>Name</Th>
                  {columns.map(({ title }) => (
                    <Th key={title}>{title}</Th>
                  ))}
                </Tr>
              </Thead>
              <Tbody>
                {items.map((item) => (
                  <Tr key={item.id}>
                    <Td dataLabel="Name" modifier="breakWord">
                      {item.name}
                    </Td>
                    {columns.map(({ title, text }) => (
                      <Td key={title} dataLabel={title}>
                        {text(item.data)}
                      </Td>
                    ))}
                  </Tr>
                ))}
              </Tbody>
            </Table>
            {objects.hasNextPage && (
              <Button
                variant="link"
                isDisabled={objects.isFetchingNextPage}
                onClick={() => void objects.fetchNextPage()}
              >
                Show more
              </Button>
            )}
          </>
        );
      }}
    </Loaded>
  );
}
