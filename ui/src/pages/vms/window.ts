/** Which rows and pages of a long list are needed for what can be seen of it. Pure. */
export const rowHeightPx = 37;
export const pageRows = 250;
/** Rows that stand ready above and below: what a turn of a wheel brings before the next frame. */
const ready = 24;
/** In steps, so that not every pixel draws anew. */
const step = 8;

export type Window = { readonly from: number; readonly to: number };

/** Rows from `from` up to, not including, `to`. */
export function windowOf(scrollTop: number, height: number, total: number): Window {
  const first = Math.floor(scrollTop / rowHeightPx) - ready;
  const last = Math.ceil((scrollTop + height) / rowHeightPx) + ready;
  const from = Math.max(0, Math.floor(first / step) * step);
  const to = Math.min(total, Math.ceil(last / step) * step);
  return { from: Math.min(from, to), to };
}

/** Pages that hold the window, and one more on each side, so that scrolling finds the next one there. */
export function pagesOf({ from, to }: Window, total: number): readonly number[] {
  const last = Math.max(0, Math.ceil(total / pageRows) - 1);
  const begin = Math.max(0, Math.floor(from / pageRows) - 1);
  const end = Math.min(last, Math.floor(Math.max(from, to - 1) / pageRows) + 1);
  return Array.from({ length: end - begin + 1 }, (_, at) => begin + at);
}
