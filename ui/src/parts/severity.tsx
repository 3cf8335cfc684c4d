import { ExclamationCircleIcon, ExclamationTriangleIcon, InfoCircleIcon } from '@patternfly/react-icons';

const looks = {
  critical: { icon: <ExclamationCircleIcon />, look: 'w-severity w-severity-critical' },
  warning: { icon: <ExclamationTriangleIcon />, look: 'w-severity w-severity-warning' },
  information: { icon: <InfoCircleIcon />, look: 'w-severity w-severity-information' },
} as const;
export type Severity = keyof typeof looks;

/** How many of a severity: drawn for who sees it, said for who does not. */
export function SeverityCount({ severity, count }: { readonly severity: Severity; readonly count: number }) {
  const { icon, look } = looks[severity];
  return (
    <span className={look} title={severity}>
      {icon}
      <span className="pf-v6-screen-reader">{severity} </span>
      {count.toLocaleString()}
    </span>
  );
}

const order = ['critical', 'warning', 'information'] as const;

/** Counts by severity, the worst first; a dash where there is nothing. */
export function SeverityCounts({ counts }: { readonly counts: Readonly<Record<Severity, number>> }) {
  const found = order.filter((severity) => counts[severity] > 0);
  if (found.length === 0) return <>–</>;
  return (
    <span className="w-severities">
      {found.map((severity) => (
        <SeverityCount key={severity} severity={severity} count={counts[severity]} />
      ))}
    </span>
  );
}
