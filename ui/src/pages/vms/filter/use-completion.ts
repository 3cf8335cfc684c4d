import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { post } from '../../../api/client.ts';
import type { FilterCompletion } from '../../../api/types.ts';

/** Longer filters are legal, but nobody writes them with completion. */
const longest = 4_000;

/** What may stand at the cursor; null while nobody writes (`cursor` is null) or nothing is known yet. */
export function useCompletion(text: string, cursor: number | null): FilterCompletion | null {
  const isOn = cursor !== null && text.length <= longest;
  const { data, isPlaceholderData } = useQuery({
    queryKey: ['completion', text, cursor],
    queryFn: () => post<FilterCompletion>('/inventory/vms/complete', { filter: text, cursor }),
    enabled: isOn,
    // Values of a minute ago will do.
    gcTime: 60_000,
    placeholderData: keepPreviousData,
  });
  // What was offered for another text would replace the wrong part of this one.
  return isOn && data !== undefined && !isPlaceholderData ? data : null;
}

/** The text with a suggestion in its place, and where the cursor goes: behind it and a blank. Pure. */
export function completed(
  text: string,
  { from, to }: Pick<FilterCompletion, 'from' | 'to'>,
  suggestion: string,
): { readonly text: string; readonly cursor: number } {
  // "facts." goes on without a blank.
  const blank = suggestion.endsWith('.') || text.charAt(to) === ' ' ? '' : ' ';
  const head = `${text.slice(0, from)}${suggestion}`;
  const gap = blank === '' && text.charAt(to) === ' ' ? 1 : blank.length;
  return { text: `${head}${blank}${text.slice(to)}`, cursor: head.length + gap };
}
