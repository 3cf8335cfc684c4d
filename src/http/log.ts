/** The log: one JSON object per line on standard error. What must not be in a log is taken out wherever it stands. */
import { type DestinationStream, destination, type Logger, pino } from 'pino';

const secrets = [
  'authorization',
  'cookie',
  'password',
  'token',
  'secret',
  'databaseUrl',
  'connectionString',
  'setupToken',
];

export function createLog(level: string, stream: DestinationStream = destination({ dest: 2, sync: true })): Logger {
  const paths = secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`, `*.*.*.${name}`]);
  const headers = ['*.headers["set-cookie"]', 'headers["set-cookie"]'];
  return pino({ level, base: null, redact: { paths: [...paths, ...headers], censor: '***' } }, stream);
}
