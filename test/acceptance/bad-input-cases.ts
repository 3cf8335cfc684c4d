/** The table of bad sources and bad file targets: what is asked for, and what must be said about it. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { BadCase, Control } from './bad-case.ts';
import type { InputFiles } from './bad-input-files.ts';

const host = hostname();

/** Sources that are wrong, all to image files in `out`; but in `late` what is only found once disks have been made. */
export function sourceCases(files: InputFiles, out: string, late: string): BadCase[] {
  const [secret = ''] = files.secretFiles;
  const refused = (
    name: string,
    path: string,
    what: Pick<BadCase, 'code' | 'names' | 'next'> & Partial<BadCase>,
  ): BadCase => ({
    name,
    words: [path, '--to', 'files', '--dir', out, '--conversion', 'never'],
    sources: [path, ...files.secretFiles],
    targets: [out],
    ...what,
  });
  return [
    refused('a file that is not there', join(files.dir, 'missing.ova'), {
      code: 'source.not_found',
      names: [join(files.dir, 'missing.ova'), host],
      cause: /ENOENT/,
      next: /path/,
      sources: [],
    }),
    refused('a truncated archive', files.truncated, {
      code: 'ova.truncated',
      names: [files.truncated, 'disk.qcow2'],
      next: /again/,
    }),
    refused('an archive without an OVF', files.noOvf, { code: 'ova.no_ovf', names: [files.noOvf], next: /OVF/ }),
    refused('an OVF with a DOCTYPE', files.doctype, {
      code: 'ova.doctype',
      names: [files.doctype, 'app.ovf', 'DOCTYPE'],
      next: /[Rr]emove the declaration/,
    }),
    refused('a manifest with another digest', files.manifest, {
      words: [files.manifest, '--to', 'files', '--dir', late],
      targets: [late],
      code: 'ova.manifest_mismatch',
      names: [files.manifest, 'disk.qcow2', 'VM app', 'sha256'],
      next: /again/,
      more: ({ steps }) => ({
        'it stopped before "create VM"': steps.find(({ name }) => name === 'create-vm')?.state === 'undone',
        'and no attempt of it was begun': steps.find(({ name }) => name === 'create-vm')?.attempts === 0,
      }),
    }),
    refused('a disk named above the archive', files.outside, {
      code: 'ova.disk_outside',
      names: [files.outside, 'VM app', '../secret.raw', 'app_Disk1'],
      next: /without a path/,
    }),
    refused('a disk named by an absolute path', files.absolute, {
      code: 'ova.disk_outside',
      names: [files.absolute, 'VM app', secret, 'app_Disk1'],
      next: /without a path/,
    }),
    refused('a symbolic link as a member', files.symlinked, {
      code: 'ova.bad_member',
      names: [files.symlinked, 'link.qcow2', 'symbolic link'],
      next: /plain files/,
    }),
    refused('a symbolic link beside an OVF', files.linkedDirectory, {
      code: 'ova.bad_member',
      names: [files.linkedDirectory, 'link.qcow2', 'symbolic link'],
      next: /plain files/,
      sources: files.secretFiles,
      targets: [out, files.linkedDirectory],
    }),
    refused('a VMDK with an absolute extent', files.foreign, {
      code: 'image.foreign_extent',
      names: [secret, 'app', 'Hard Disk 1'],
      next: /export it again as one file/,
    }),
    refused('a VMDK with a parent', files.child, {
      code: 'image.backing_file',
      names: ['app', 'Hard Disk 1'],
      next: /[Mm]erge/,
    }),
    refused('a qcow2 with a backing file', files.backed, {
      code: 'image.backing_file',
      names: [secret, 'app', 'app_Disk1'],
      next: /[Mm]erge/,
    }),
    refused('a qcow2 with a data file', files.split, {
      code: 'image.data_file',
      names: ['app', 'app_Disk1'],
      next: /qemu-img convert/,
    }),
    refused('a disk of 16 EiB', files.huge, {
      code: 'image.absurd_size',
      names: ['app', 'app_Disk1', '18446744073709551104'],
      next: /[Ee]xport it again/,
    }),
    refused('several VMs, and none was named', files.several, {
      code: 'source.vm_ambiguous',
      names: [files.several, 'app', 'app-db', 'second-vm'],
      next: /--vm/,
    }),
  ];
}

/** The same things made right. */
export function sourceControls(files: InputFiles, out: string): Control[] {
  const to = ['--to', 'files', '--dir', out, '--conversion', 'never'];
  return [
    { name: 'the same archive, whole, with a right manifest', words: [files.good, ...to, '--name', 'good'] },
    { name: 'a VMDK that is one file', words: [files.vmware, ...to, '--name', 'vmware'] },
    { name: 'one VM of several, named', words: [files.several, ...to, '--vm', 'second-vm', '--name', 'second'] },
  ];
}

/** Directories that are wrong. `small` has room for 32 MiB; `taken` holds a file under the name of the first disk. */
export function directoryCases(
  files: InputFiles,
  places: { readonly out: string; readonly taken: string; readonly small: string; readonly smallSeen: string },
): BadCase[] {
  const { out, taken, small, smallSeen } = places;
  const missing = join(out, 'missing');
  return [
    {
      name: 'a target file that exists',
      words: [files.good, '--to', 'files', '--dir', taken],
      code: 'files.exists',
      names: ['VM app', join(taken, 'app-disk0.qcow2'), host],
      next: /another name/,
      sources: [files.good],
      targets: [taken],
    },
    {
      name: 'a target directory that is not there',
      words: [files.good, '--to', 'files', '--dir', missing],
      code: 'files.directory_missing',
      names: ['app', missing, host],
      cause: /ENOENT/,
      next: /mkdir/,
      sources: [files.good],
      targets: [out],
    },
    {
      name: 'a target directory with too little room',
      words: [files.large, '--to', 'files', '--dir', small, '--conversion', 'never'],
      code: 'files.no_space',
      names: ['VM large', small, host, 'GiB'],
      next: /room/,
      sources: [files.large],
      targets: [smallSeen],
      alone: true,
    },
    {
      name: 'a target directory that is full in the middle of the copy',
      words: [files.swelling, '--to', 'files', '--dir', small],
      code: 'transfer.no_space',
      names: ['VM app', 'disk app_Disk1', small, host],
      cause: /writing to file failed|no space left on device/i,
      next: /Free space/,
      sources: [files.swelling],
      targets: [smallSeen],
      more: ({ steps }) => ({
        'the copy had begun': steps.some(({ name, state }) => name === 'copy' && state === 'failed'),
      }),
      alone: true,
    },
  ];
}

export function directoryControls(files: InputFiles, places: { readonly small: string }): Control[] {
  const words = [files.good, '--to', 'files', '--dir', places.small, '--name', 'fits'];
  return [{ name: 'a disk that fits, in the same small directory', words, alone: true }];
}
