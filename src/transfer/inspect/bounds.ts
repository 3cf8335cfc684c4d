/**
 * The sizes that an image may claim. All are checked before anything is allocated, so that a file of one KiB cannot cost
 * more than these.
 */
const kib = 1024;
const mib = 1024 * kib;
const tib = 1024 * 1024 * mib;

export const sectorBytes = 512;

/** VMDK ends at 62 TiB, VHDX at 64 TiB, and no hypervisor that we read from makes larger disks. */
export const maxVirtualBytes = 64 * tib;

/** A VMDK grain: 64 KiB in all that VMware makes. A compressed one is inflated in memory whole. */
export const minGrainBytes = 4 * kib;
export const maxGrainBytes = mib;

/** A grain directory, the only table that is held whole: 8 Mi entries, four times what 64 TiB in 64 KiB grains need. */
export const maxDirectoryBytes = 32 * mib;

/** Text of a VMDK descriptor; 10 KiB as VMware makes them, more with thousands of extents. */
export const maxDescriptorBytes = mib;

/** Files of one VMDK: 2 TiB in pieces of 2 GiB. Each is an open file. */
export const maxVmdkExtents = 1024;

/** A qcow2's first-level and refcount table; QEMU's own limits. */
export const maxQcow2L1Bytes = 32 * mib;
export const maxQcow2RefcountTableBytes = 8 * mib;
export const maxQcow2Snapshots = 65_536;

/** What is inflated of a gzip'd image to look at its header. */
export const gzipHeadBytes = mib;
