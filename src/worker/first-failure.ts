/** What failed first: where closing what was open has failed after it, JavaScript wraps both, the later one outside. */
export function firstFailure(error: unknown): unknown {
  return error instanceof SuppressedError ? firstFailure(error.suppressed) : error;
}
