import { Content } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { get } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { UnreadableView } from '../../api/types.ts';
import { Loaded } from '../../parts/page.tsx';
import { ErrorText } from '../../parts/problem.tsx';

/** What is there but cannot be read, each with the reason and what to do. */
export function UnreadableTab({ providerId }: { readonly providerId: string }) {
  const unreadable = useQuery({
    queryKey: keys.inProvider(providerId, 'unreadable'),
    queryFn: () => get<{ readonly items: readonly UnreadableView[] }>(`/providers/${providerId}/unreadable`),
  });
  return (
    <Loaded query={unreadable}>
      {({ items }) =>
        items.length === 0 ? (
          <Content component="p">Everything in it can be read.</Content>
        ) : (
          <div className="w-stack">
            {items.map(({ ref, name, error }) => (
              <ErrorText key={ref} heading="h2" title={name === '' ? ref : name} error={error} />
            ))}
          </div>
        )
      }
    </Loaded>
  );
}
