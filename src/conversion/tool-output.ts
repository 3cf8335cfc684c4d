/**
 * What virt-v2v says while it works: JSON lines in its machine-readable file. Versions 2.2 to 2.12 write one object per
 * line with `type`, `message` and `timestamp`.
 */
export type ToolMessage = {
  readonly type: 'message' | 'info' | 'warning' | 'error';
  readonly text: string;
};

/** What a guest makes the tool say must not fill a log. */
const longestText = 4000;

/** Null for what is not such a line: newer versions may add more, and the last line may be cut off. */
export function parseMachineLine(line: string): ToolMessage | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { type, message } = value as Record<string, unknown>;
  if (typeof message !== 'string') return null;
  if (type !== 'message' && type !== 'info' && type !== 'warning' && type !== 'error') return null;
  return { type, text: message.slice(0, longestText) };
}

export type Phase = { readonly phase: string; readonly fraction: number };

/**
 * The tool's own announcements, what we call them, and how far the conversion is when they come: estimates, from runs
 * where the tools inside the guest were quick (a third of the time) and where they were slow (nine tenths).
 */
const phases: readonly (readonly [RegExp, string, number])[] = [
  [/^Setting up the source/, 'setting up', 0],
  [/^Opening the source/, 'opening', 0.02],
  [/^Checking filesystem integrity before/, 'checking', 0.2],
  [/^Detecting if this guest uses/, 'inspecting', 0.22],
  [/^Inspecting the source/, 'inspecting', 0.25],
  [/^Checking for sufficient free disk space/, 'inspecting', 0.4],
  [/^Converting /, 'converting', 0.4],
  [/^Mapping filesystem data/, 'trimming', 0.88],
  [/^Checking filesystem integrity after/, 'checking', 0.94],
  [/^Closing the overlay/, 'closing', 0.97],
  [/^Assigning disks/, 'closing', 0.98],
  [/^Checking if the guest needs BIOS or UEFI/, 'closing', 0.98],
  [/^Finishing off/, 'finishing', 0.99],
];

/** The phase that a message announces, or null when it announces none. */
export function phaseOf(message: ToolMessage): Phase | null {
  if (message.type !== 'message') return null;
  for (const [pattern, phase, fraction] of phases) if (pattern.test(message.text)) return { phase, fraction };
  return null;
}
