/** How numbers are shown. Sizes are binary, as hypervisors show them. */
const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

export function bytes(value: number): string {
  let at = 0;
  let rest = value;
  while (rest >= 1024 && at < units.length - 1) {
    rest /= 1024;
    at++;
  }
  const digits = at === 0 || rest >= 100 ? 0 : rest >= 10 ? 1 : 2;
  return `${rest.toFixed(digits)} ${units[at] ?? 'B'}`;
}

export function rate(bytesPerSecond: number): string {
  return `${bytes(bytesPerSecond)}/s`;
}

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export function elapsed(from: string | null, to: string | null): string {
  if (from === null) return '–';
  const end = to === null ? Date.now() : Date.parse(to);
  return duration((end - Date.parse(from)) / 1000);
}

export function time(iso: string | null): string {
  if (iso === null) return '–';
  return new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(iso));
}

export function percent(fraction: number | null): number {
  return fraction === null ? 0 : Math.floor(Math.min(1, Math.max(0, fraction)) * 100);
}
