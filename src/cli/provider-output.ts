/** Providers and their checks as people read them. */
import { styleText } from 'node:util';
import type { ProviderCheck, ProviderView } from '../inventory/api.ts';
import { type Column, plain, shownTime } from './output.ts';

export const providerColumns: readonly Column<ProviderView>[] = [
  { title: 'NAME', of: (row) => row.name },
  { title: 'TYPE', of: (row) => row.type },
  { title: 'ADDRESS', of: addressOf },
  { title: 'STATE', of: (row) => row.state },
  { title: 'VERSION', of: (row) => row.version },
  { title: 'VMS', of: (row) => String(row.counts.vm), right: true },
  { title: 'CONCERNS', of: shownConcerns },
  { title: 'SYNCED', of: (row) => shownTime(row.syncedAt) },
  { title: 'WORKER', of: (row) => row.worker?.name ?? '' },
];

function shownConcerns({ concerns: { critical, warning } }: ProviderView): string {
  const parts = [critical > 0 ? `${critical} critical` : '', warning > 0 ? `${warning} warning` : ''];
  return parts.filter((part) => part !== '').join(', ');
}

export function addressOf({ account }: Pick<ProviderView, 'account'>): string {
  if (account.type === 'vsphere') return account.url;
  return account.type === 'libvirt' ? account.uri : account.location;
}

export function printProvider(view: ProviderView): void {
  const { counts, via } = view;
  const rows: readonly (readonly [string, string])[] = [
    ['id', view.id],
    ['type', view.type],
    ['address', addressOf(view)],
    ['state', view.state],
    ['product', view.product],
    ['secrets', view.secrets.join(', ')],
    ['worker', view.worker === null ? '' : `${view.worker.name}${view.worker.alive ? '' : ' (silent)'}`],
    ['via', via?.name ?? 'any worker'],
    ['in it', countsText(counts)],
    ['unreadable', view.unreadable === 0 ? '' : String(view.unreadable)],
    ['concerns', shownConcerns(view)],
    ['synced', shownTime(view.syncedAt)],
  ];
  print(styleText('bold', plain(view.name), { stream: process.stdout }));
  for (const [name, value] of rows) if (value !== '') print(`  ${name.padEnd(10)}  ${plain(value)}`);
  const { error } = view;
  if (error !== null) {
    print(`  ${styleText('red', 'error', { stream: process.stdout })}       ${plain(error.message)} [${error.code}]`);
    for (const cause of error.causes) print(`              ${plain(cause)}`);
    print(`              → ${plain(error.next)}`);
  }
  if (view.lastCheck !== null) {
    print(`\nchecked ${shownTime(view.lastCheckAt)}`);
    printCheck(view.lastCheck);
  }
}

function countsText(counts: ProviderView['counts']): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}${count === 1 ? '' : 's'}`)
    .join(', ');
}

export function printCheck(check: ProviderCheck): void {
  for (const { what, ok, detail, fix } of check.rows) {
    const mark = ok
      ? styleText('green', '✓', { stream: process.stdout })
      : styleText('red', '✗', { stream: process.stdout });
    print(`${mark} ${plain(what)}${detail === '' ? '' : `: ${plain(detail)}`}`);
    if (!ok && fix !== '') print(`  → ${plain(fix)}`);
  }
  if (check.certificate !== null) printCertificate(check.certificate, process.stdout);
  if (check.role !== '') print(`\nThe role that a migration needs there:\n${check.role}`);
}

export function printCertificate(
  certificate: NonNullable<ProviderCheck['certificate']>,
  out: NodeJS.WriteStream = process.stderr,
): void {
  const { shown, trusted, subject, issuer, validFrom, validTo, names } = certificate;
  const rows: readonly (readonly [string, string])[] = [
    ['fingerprint', shown.startsWith('SHA256:') ? shown : withColons(shown)],
    ['until now', trusted === null ? '' : trusted.startsWith('SHA256:') ? trusted : withColons(trusted)],
    ['subject', subject],
    ['issuer', issuer],
    ['valid', [validFrom, validTo].filter((part) => part !== '').join(' to ')],
    ['names', names.join(', ')],
  ];
  out.write(trusted === null ? 'It is not trusted yet:\n' : 'It is another one than before:\n');
  for (const [name, value] of rows) if (value !== '') out.write(`  ${name.padEnd(11)}  ${plain(value)}\n`);
}

function withColons(hex: string): string {
  return (hex.toUpperCase().match(/../g) ?? []).join(':');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
