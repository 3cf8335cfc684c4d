import { Content, Title } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { type ReactNode, useId } from 'react';

export type Column<T> = { readonly title: string; readonly show: (item: T) => ReactNode };

/** A table with its title and count, or a sentence that says there is nothing. */
export function Section<T>(props: {
  readonly title: string;
  readonly items: readonly T[];
  readonly columns: readonly Column<T>[];
  readonly keyOf: (item: T) => string;
  readonly none: string;
}) {
  const { title, items, columns, keyOf, none } = props;
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <Title headingLevel="h2" size="lg" id={id}>
        {title} ({items.length})
      </Title>
      {items.length === 0 ? (
        <Content component="p">{none}</Content>
      ) : (
        <Table aria-labelledby={id} variant="compact" gridBreakPoint="grid-lg">
          <Thead>
            <Tr>
              {columns.map((column) => (
                <Th key={column.title} modifier="wrap">
                  {column.title}
                </Th>
              ))}
            </Tr>
          </Thead>
          <Tbody>
            {items.map((item) => (
              <Tr key={keyOf(item)}>
                {columns.map((column) => (
                  <Td key={column.title} dataLabel={column.title} modifier="breakWord">
                    {column.show(item)}
                  </Td>
                ))}
              </Tr>
            ))}
          </Tbody>
        </Table>
      )}
    </section>
  );
}
