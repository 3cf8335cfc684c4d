import type { ErrorEntry } from '../errors.ts';

/** The language of filters, what is searched with it, and rules that are written in it. */
export const searchErrors = {
  'search.filter_wrong': {
    status: 400,
    message: 'The filter is wrong at character {position}: there is {found}, expected was {expected}',
    next: 'Correct it there. docs/search.md describes the language; an example: name ~ web* and power = on',
  },
  'search.filter_too_long': {
    status: 400,
    message: 'The filter is longer than {limit} characters',
    next: 'Make several of it, or name a common folder, cluster or tag instead of single VMs.',
  },
  'search.page_unknown': {
    status: 400,
    message: 'There is no page after what was given as "after"',
    next: 'Give "next" of the page before, with the same filter and the same order; or begin with the first page.',
  },
  'search.filter_name_taken': {
    status: 409,
    message: 'A saved filter is named {name} already',
    next: 'Choose another name, or change that filter.',
  },
  'search.filter_not_yours': {
    status: 403,
    message: 'The saved filter {name} is of {owner}',
    next: 'Save it under a name of your own, or ask {owner} or an administrator to change it.',
  },
  'rules.file_wrong': {
    status: 422,
    message: 'The rules in {path} are not taken[: line {line}][, rule {rule}]: {problem}',
    next: 'Correct the file: docs/concerns.md describes it. It is read again once it has changed; all other rules are in force.',
  },
} as const satisfies Record<string, ErrorEntry>;
