/** How numbers are shown. Sizes are binary, as hypervisors show them. */
const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** Three digits at most: "1.50 GiB", "37.4 MiB", "512 KiB". */
export function bytes(value: number): string {
  let at = 0;
  let rest = Math.max(0, value);
  // Not 1024: what rounds to "1024 MiB" is "1.00 GiB".
  while (rest >= 1023.5 && at < units.length - 1) {
    rest /= 1024;
    at++;
  }
  return `${at === 0 ? Math.round(rest) : digits(rest)} ${units[at] ?? 'B'}`;
}

function digits(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

/** "480 MiB", or of a whole "120 of 480 MiB": one unit for both, so that they can be compared. */
export function bytesOf(done: number, total: number): string {
  const whole = bytes(total);
  const unit = whole.slice(whole.lastIndexOf(' ') + 1);
  const at = units.findIndex((name) => name === unit);
  const part = Math.min(done, total) / 1024 ** Math.max(0, at);
  return `${at <= 0 || part === 0 ? Math.round(part) : digits(part)} of ${whole}`;
}

export function rate(bytesPerSecond: number): string {
  return `${bytes(bytesPerSecond)}/s`;
}

/** The two biggest units that matter: "40 s", "2 min 5 s", "3 h 12 min", "2 d 4 h". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return two(Math.floor(whole / 60), 'min', whole % 60, 's');
  if (whole < 86_400) return two(Math.floor(whole / 3600), 'h', Math.floor((whole % 3600) / 60), 'min');
  return two(Math.floor(whole / 86_400), 'd', Math.floor((whole % 86_400) / 3600), 'h');
}

function two(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

/** Seconds between two moments; null without a beginning. */
export function secondsBetween(from: string | null, to: string | null, nowMs: number): number | null {
  if (from === null) return null;
  return Math.max(0, ((to === null ? nowMs : Date.parse(to)) - Date.parse(from)) / 1000);
}

/** In the reader's own language and time zone. */
export function time(iso: string | null): string {
  if (iso === null) return '–';
  return new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(iso));
}

/** Only the time of day, for what is of today. */
export function clock(iso: string): string {
  return new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' }).format(new Date(iso));
}

/** Never 100 before all is done. */
export function percent(fraction: number | null): number {
  return fraction === null ? 0 : Math.floor(Math.min(1, Math.max(0, fraction)) * 100);
}

/** "1 VM", "3 VMs". */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
