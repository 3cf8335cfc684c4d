/** The tables in docs/search.md and docs/concerns.md, made of the code; a test compares them. */
import { facts } from '../../concerns/facts.ts';
import { productRules } from '../../concerns/rules.ts';
import { operatorsOf } from './expect.ts';
import { fields } from './fields.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
const table = (titles: readonly string[], rows: readonly (readonly string[])[]): string =>
  [titles, titles.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

export function fieldTable(): string {
  const rows = fields.map((field) => {
    const { name, type, values, doc, many, place } = field;
    const kind = type === 'enum' || type === 'rank' ? values.join(', ') : type === 'boolean' ? 'yes, no' : type;
    const notes = [many ? 'any of several' : '', place === null ? 'in rules only' : ''].filter((one) => one !== '');
    return [
      `\`${name}\``,
      cell(doc),
      `${kind}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`,
      operatorsOf(field)
        .map((one) => `\`${one}\``)
        .join(' '),
    ];
  });
  return table(['Field', 'What it is', 'Values', 'Operators'], rows);
}

export function factTable(): string {
  return table(
    ['Fact', 'What it is', 'Type', 'Made of'],
    facts.map(({ name, what, type, from }) => [`\`${name}\``, cell(what), type, cell(from)]),
  );
}

export function ruleTable(): string {
  return table(
    ['Id', 'Severity', 'What it says', 'What to do', 'Condition'],
    productRules.rules.map(({ id, severity, text, fix, filter, each }) => {
      const condition = filter === undefined ? 'in code' : `\`${filter}\`${each === undefined ? '' : `, each ${each}`}`;
      return [`\`${id}\``, severity, cell(text), cell(fix), condition];
    }),
  );
}

const begin = (name: string): string => `<!-- ${name}: made by src/inventory/search/docs.ts -->`;
const end = '<!-- end -->';

/** The text with the named table made anew. */
export function withTable(text: string, name: string, made: string): string {
  const from = text.indexOf(begin(name));
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`there is no place for the table ${name}`);
  return `${text.slice(0, from)}${begin(name)}\n${made}\n${text.slice(to)}`;
}
