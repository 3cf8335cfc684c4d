import type { CheckedFilter } from '../../../api/types.ts';

/** Where a filter is wrong and what was expected there. */
export function FilterProblem(props: {
  readonly id: string;
  readonly filter: string;
  readonly problem: NonNullable<CheckedFilter['problem']>;
}) {
  const { id, filter, problem } = props;
  const at = problem.position - 1;
  const end = Math.max(at, Math.min(filter.length, at + problem.length));
  return (
    <div id={id} role="alert" className="w-filter-problem">
      <code>
        {filter.slice(0, at)}
        <mark>{end > at ? filter.slice(at, end) : ' '}</mark>
        {filter.slice(end)}
      </code>
      <span className="w-error">{problem.message}</span>
    </div>
  );
}
