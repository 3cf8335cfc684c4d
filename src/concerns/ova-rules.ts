/** Forklift's six rules for OVA, by its ids, and ours. */
import { unusableName } from './findings.ts';
import type { RuleData } from './rule.ts';

const on = ['ova'] as const;

export const ovaRules: readonly RuleData[] = [
  {
    id: 'ova.disk.capacity.invalid',
    on,
    severity: 'critical',
    each: 'disk',
    filter: 'disks.size = 0',
    text: 'Disk {disk} of VM {vm} has a size of 0 bytes',
    fix: 'Export the VM again, or correct the capacity in the OVF.',
  },
  {
    id: 'ova.cpu_affinity.detected',
    on,
    severity: 'warning',
    filter: 'facts.ova.cpuAffinity = yes',
    text: 'VM {vm} is tied to CPUs; the target will not tie it',
    fix: 'Set it up at the target if it is still needed there.',
  },
  {
    id: 'ova.cpu_memory.hotplug.enabled',
    on,
    severity: 'warning',
    filter: 'facts.ova.cpuHotAdd = yes or facts.ova.cpuHotRemove = yes or facts.ova.memoryHotAdd = yes',
    text: 'VM {vm} may get CPUs or memory while it runs; the target will not offer that',
    fix: 'Give it what it may need when it is migrated, or set it up at the target.',
  },
  {
    id: 'ova.disk.count.exceeds.limit',
    on,
    severity: 'warning',
    filter: 'disks.count > 165',
    text: 'VM {vm} has more than 165 disks, which a KubeVirt target does not take',
    fix: 'Choose another target.',
  },
  {
    id: 'ova.name.invalid',
    on,
    severity: 'warning',
    find: unusableName,
    text: 'The name of VM {vm} is none that a KubeVirt target takes (lower-case letters, digits and "-", at most 63)',
    fix: 'Give it another name in the plan; other targets take this one.',
  },
  {
    id: 'ova.source.unsupported',
    on,
    severity: 'warning',
    filter: 'origin = unknown',
    text: 'What hypervisor VM {vm} was exported from is not known; whether it starts elsewhere has not been tried',
    fix: 'Try it with one VM first.',
  },
  {
    id: 'ova.disk.encrypted',
    on,
    severity: 'critical',
    each: 'disk',
    filter: 'disks.encrypted = yes',
    text: 'Disk {disk} of VM {vm} is encrypted',
    fix: 'Export the VM without encryption.',
  },
  {
    id: 'ova.disks.none',
    on,
    severity: 'warning',
    filter: 'disks.count = 0',
    text: 'VM {vm} has no disks',
    fix: 'Look whether all files of the export are there.',
  },
  {
    id: 'ova.os.unknown',
    on,
    severity: 'information',
    filter: 'os is empty',
    text: 'What operating system VM {vm} has is not told; it is found out from its disks when it is converted',
    fix: 'Nothing has to be done.',
  },
  {
    id: 'ova.secure_boot.detected',
    on,
    severity: 'information',
    filter: 'secureboot = yes',
    text: 'VM {vm} boots with Secure Boot',
    fix: 'The target needs UEFI firmware with Secure Boot; preflight looks for it.',
  },
];
