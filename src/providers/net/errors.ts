/** What sockets say, in the words of the catalogue. */
import { WherryError } from '../../model/errors.ts';

export type At = { readonly system: string; readonly host: string; readonly port: number };

/** `phase`: whether anything had been heard on this connection yet. */
export function networkError(
  error: unknown,
  { system, host, port }: At,
  phase: 'connecting' | 'answering',
): WherryError {
  if (error instanceof WherryError) return error;
  const code = codeOf(error);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'EAI_FAIL' || code === 'EAI_NODATA') {
    return new WherryError('provider.name_unknown', { system, host }, error);
  }
  if (/^(EPROTO|ERR_SSL_|ERR_TLS_|HPE_)/.test(code)) {
    const found = code.startsWith('HPE_') ? 'it does not speak HTTP' : 'it does not speak TLS there';
    return new WherryError('provider.not_such_a_system', { system, expected: 'HTTPS server', found }, error);
  }
  if (phase === 'answering') return new WherryError('provider.connection_lost', { system }, error);
  return new WherryError('provider.unreachable', { system, port }, error);
}

export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  // Several addresses were tried: one of their codes says it.
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}
