import { Button, TextInputGroup, TextInputGroupMain, TextInputGroupUtilities } from '@patternfly/react-core';
import { SearchIcon, TimesIcon } from '@patternfly/react-icons';
import { useMutation } from '@tanstack/react-query';
import { type KeyboardEvent, useId, useLayoutEffect, useRef, useState } from 'react';
import { post } from '../../../api/client.ts';
import type { CheckedFilter } from '../../../api/types.ts';
import { Problem } from '../../../parts/problem.tsx';
import { FilterProblem } from './filter-problem.tsx';
import { completed, useCompletion } from './use-completion.ts';

/**
 * The search field: a combobox. Arrow keys choose from what may stand at the cursor, Enter takes it, Escape closes the
 * list; Enter without a choice asks whether the filter is well written and searches, or shows where it is wrong.
 */
export function FilterBox({ filter, apply }: { readonly filter: string; readonly apply: (filter: string) => void }) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(filter);
  // One that came from elsewhere (saved, a link, the browser's way back) is shown as it is.
  const [before, setBefore] = useState(filter);
  if (filter !== before) {
    setBefore(filter);
    setText(filter);
  }
  const [cursor, setCursor] = useState<number | null>(null);
  const [chosen, setChosen] = useState(-1);
  /** Where the cursor has to go with the text that is about to be shown. */
  const caret = useRef<number | null>(null);
  const completion = useCompletion(text, cursor);
  const suggestions = completion?.suggestions ?? [];
  const isOpen = cursor !== null && suggestions.length > 0;
  const check = useMutation({
    mutationFn: (asked: string) => post<CheckedFilter>('/inventory/vms/check-filter', { filter: asked }),
    onSuccess: ({ ok, problem }, asked) => {
      if (ok) return apply(asked.trim());
      const at = (problem?.position ?? 1) - 1;
      input.current?.setSelectionRange(at, at + (problem?.length ?? 0));
      return undefined;
    },
  });
  const close = (): void => {
    setCursor(null);
    setChosen(-1);
  };
  const change = (next: string, at: number): void => {
    setText(next);
    setCursor(at);
    setChosen(-1);
    check.reset();
  };
  const take = (index: number): void => {
    const suggestion = suggestions[index];
    if (completion === null || suggestion === undefined) return;
    const next = completed(text, completion, suggestion.text);
    change(next.text, next.cursor);
    caret.current = next.cursor;
  };
  // Right after React has written the value, which puts the cursor at its end, and before the next key is heard.
  useLayoutEffect(() => {
    if (caret.current === null) return;
    input.current?.focus();
    input.current?.setSelectionRange(caret.current, caret.current);
    caret.current = null;
  }, [text]);
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!isOpen) setCursor(event.currentTarget.selectionStart ?? text.length);
      else setChosen(moved(chosen, event.key === 'ArrowDown' ? 1 : -1, suggestions.length));
    } else if (event.key === 'Escape' && isOpen) {
      event.preventDefault();
      close();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (isOpen && chosen >= 0) return take(chosen);
      close();
      check.mutate(text);
    }
    return undefined;
  };
  const problem = check.data?.problem ?? null;
  return (
    <div className="w-filter">
      <TextInputGroup {...(problem === null ? {} : { validated: 'error' as const })}>
        <TextInputGroupMain
          ref={input}
          icon={<SearchIcon />}
          type="text"
          value={text}
          placeholder="name ~ web* and power = on and disks.size > 1TiB"
          aria-label="Filter"
          role="combobox"
          isExpanded={isOpen}
          aria-controls={`${id}-list`}
          {...(isOpen && chosen >= 0 ? { 'aria-activedescendant': `${id}-${chosen}` } : {})}
          inputProps={{
            'aria-autocomplete': 'list',
            'aria-invalid': problem !== null,
            autoComplete: 'off',
            spellCheck: false,
            onKeyDown,
            onClick: () => setCursor(input.current?.selectionStart ?? text.length),
            onBlur: close,
            ...(problem === null ? {} : { 'aria-describedby': `${id}-problem` }),
          }}
          onChange={(event, next) => change(next, event.currentTarget.selectionStart ?? next.length)}
        />
        {text !== '' && (
          <TextInputGroupUtilities>
            <Button
              variant="plain"
              aria-label="Clear the filter"
              icon={<TimesIcon />}
              onClick={() => (filter === '' ? change('', 0) : apply(''))}
            />
          </TextInputGroupUtilities>
        )}
      </TextInputGroup>
      <ul id={`${id}-list`} role="listbox" aria-label="What may stand here" hidden={!isOpen}>
        {suggestions.map(({ text: word, kind, detail }, index) => (
          // The field has the focus and the keys; here only the pointer acts, and takes the focus from nobody.
          <li
            key={`${kind} ${word}`}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === chosen}
            ref={index === chosen ? (element) => element?.scrollIntoView({ block: 'nearest' }) : null}
            onMouseDown={(event) => {
              event.preventDefault();
              take(index);
            }}
          >
            <code>{word}</code> <span className="w-subtle">{detail === '' ? kind : detail}</span>
          </li>
        ))}
      </ul>
      {problem !== null && <FilterProblem id={`${id}-problem`} filter={check.variables ?? ''} problem={problem} />}
      {check.isError && <Problem error={check.error} />}
    </div>
  );
}

/** Around the ends; from nothing to the first or the last. */
function moved(from: number, by: 1 | -1, length: number): number {
  if (from < 0) return by === 1 ? 0 : length - 1;
  return (from + by + length) % length;
}
