import { Progress } from '@patternfly/react-core';
import { useId } from 'react';

/** A bar with a name and, where it says more than the bar, a measure. */
export function Meter(props: {
  readonly label: string;
  /** 0 to 100. */
  readonly value: number;
  readonly measure?: string;
  readonly small?: boolean;
  readonly variant?: 'success' | 'danger' | 'plain';
}) {
  const { label, value, measure, small = false, variant = 'plain' } = props;
  const isDone = variant === 'success' && value === 100;
  return (
    <Progress
      id={useId()}
      className="w-meter"
      title={label}
      value={value}
      label={measure ?? `${value} %`}
      valueText={measure ?? `${value} %`}
      {...(small ? { size: 'sm' as const } : {})}
      {...(isDone ? { variant: 'success' as const } : {})}
      {...(variant === 'danger' ? { variant: 'danger' as const } : {})}
    />
  );
}
