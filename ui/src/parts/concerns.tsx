import { Alert } from '@patternfly/react-core';
import type { ShownConcern } from '../api/types.ts';

const variants = { critical: 'danger', warning: 'warning', information: 'info' } as const;

/** What was found on the VM or its target before anything was changed, the gravest first. */
export function Concerns({ concerns }: { readonly concerns: readonly ShownConcern[] }) {
  if (concerns.length === 0) return null;
  const order = Object.keys(variants);
  const sorted = concerns.toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  return (
    <section aria-label="Concerns" className="w-stack">
      {sorted.map((concern) => (
        <Alert
          key={`${concern.code} ${JSON.stringify(concern.params)}`}
          isInline
          isPlain
          variant={variants[concern.severity]}
          component="h3"
          title={concern.text}
        >
          {concern.next}
        </Alert>
      ))}
    </section>
  );
}
