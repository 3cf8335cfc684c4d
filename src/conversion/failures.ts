/** From what virt-v2v said last to an error that tells a person what to do. Pure; the tool's words stay as the cause. */
import { type ErrorCode, type ErrorParams, WherryError } from '../model/errors.ts';

export type Failure = {
  readonly vm: string;
  readonly phase: string;
  /** The messages of type error, in order. */
  readonly errors: readonly string[];
  /** The last lines of the log. */
  readonly tail: readonly string[];
  readonly memoryMiB: number;
  readonly exit: { readonly code: number | null; readonly signal: string | null };
};

type Rule = readonly [RegExp, (found: RegExpExecArray, failure: Failure) => readonly [ErrorCode, ErrorParams?]];

/** What the tool's last error means. First match counts. */
const rules: readonly Rule[] = [
  [
    /insufficient free space in the conversion server temporary directory\s+(\S+)/,
    (found) => ['conversion.no_scratch_space', { directory: found[1] ?? '' }],
  ],
  [
    /Inspection field ‘i_(?:distro|type)’ was ‘unknown’/,
    (_, failure) => ['conversion.unsupported_os', { os: productName(failure.tail) }],
  ],
  [/inspection could not detect the source guest|No root device found/, () => ['conversion.no_os']],
  [/unable to convert this guest type \(([^)]*)\)/, (found) => ['conversion.unsupported_os', { os: found[1] ?? '' }]],
  [/multi-boot operating systems are not supported/, () => ['conversion.multi_boot']],
  [/could not find key to open LUKS|encrypted (?:device|partition)|cryptsetup/i, () => ['conversion.encrypted']],
  [
    /not enough free space for conversion on filesystem ‘(.*?)’.*?([\d.]+ MB) free < (\d+ MB) needed/s,
    (found) => ['conversion.guest_full', { filesystem: found[1] ?? '', free: found[2] ?? '', needed: found[3] ?? '' }],
  ],
  [
    /not enough available inodes for conversion on\s+filesystem ‘(.*?)’.*?(\d+ inodes) available < (\d+ inodes) needed/s,
    (found) => ['conversion.guest_full', { filesystem: found[1] ?? '', free: found[2] ?? '', needed: found[3] ?? '' }],
  ],
  [
    /Windows Hibernation or Fast Restart|unsafe state|Metadata kept in Windows cache|filesystem was mounted read-only|mount the disk image for writing|detected errors on the XFS filesystem|e2fsck/,
    () => ['conversion.guest_dirty'],
  ],
  [
    /Input\/output error|nbd_connect|Connection (?:reset|refused)|could not (?:open|access) disk image|qemu-nbd/i,
    () => ['conversion.disk_unreadable'],
  ],
  [
    /unable to rebuild initrd|no installed kernel packages|no bootloader detected|only Xen kernels|modprobe configuration|could not write to the guest|libguestfs error: (?:command|sh)\b/,
    () => ['conversion.guest_broken'],
  ],
];

/** What the guest calls itself, from the trace of libguestfs' inspection. */
function productName(tail: readonly string[]): string {
  for (const line of tail.toReversed()) {
    const name = /inspect_get_product_name = "(.+)"$/.exec(line)?.[1];
    if (name !== undefined && name !== 'unknown') return name;
  }
  return 'unknown';
}

/** What the appliance lacks, by what stands in the log's last lines: that word is more telling than the last error. */
const missing: readonly (readonly [RegExp, string, string])[] = [
  [/failed to initialize device name translation cache/, 'udev', 'udev'],
  [
    /failed to find a suitable kernel|linux kernel .*? not found|could not find a .*kernel/i,
    'a Linux kernel',
    'linux-image-cloud-amd64 (Ubuntu: linux-image-virtual)',
  ],
  [
    /(?:cannot open|open|read|cp:).*\/boot\/vmlinuz\S*.*Permission denied/i,
    'the right to read /boot/vmlinuz',
    'nothing, but let the worker’s user read /boot/vmlinuz-* (chmod 0644)',
  ],
  [
    /cannot find any suitable libguestfs supermin|supermin: (?:command )?not found/i,
    'the appliance',
    'libguestfs-tools or supermin',
  ],
  [/qemu-system-\S+: (?:command )?not found|cannot find qemu|qemu binary .*not/i, 'QEMU', 'qemu-system-x86'],
  [
    /(\S+): not found on \$PATH|(?:nbdkit|qemu-nbd) (?:was|is) not (?:found|installed)/i,
    'nbdkit or qemu-nbd',
    'nbdkit and qemu-utils',
  ],
];

const notStarted =
  /appliance closed the connection unexpectedly|guestfs_launch failed|guestfs_int_build_appliance|supermin exited|libguestfs error: .*appliance|qemu exited|appliance/i;

export function failureOf(failure: Failure): WherryError {
  const words =
    failure.errors.at(-1) ??
    failure.tail
      .filter((line) => line.trim() !== '')
      .slice(-3)
      .join('\n');
  const cause = new Error(words === '' ? 'virt-v2v said nothing' : words);
  const make = (code: ErrorCode, params: ErrorParams = {}): WherryError =>
    new WherryError(code, { vm: failure.vm, ...params }, cause);
  for (const [pattern, meaning] of rules) {
    const found = pattern.exec(words);
    if (found !== null) return make(...meaning(found, failure));
  }
  const everything = [...failure.tail, ...failure.errors].join('\n');
  if (failure.phase === 'opening' || failure.phase === 'setting up' || notStarted.test(words)) {
    for (const [pattern, what, name] of missing) {
      if (pattern.test(everything)) return make('conversion.appliance_missing', { missing: what, package: name });
    }
  }
  if (notStarted.test(words)) return make('conversion.appliance_failed', { memory: failure.memoryMiB });
  if (failure.exit.signal !== null || failure.exit.code === 137) {
    return make('conversion.killed', { signal: failure.exit.signal ?? 'KILL', phase: failure.phase });
  }
  return make('conversion.failed', { phase: failure.phase });
}
