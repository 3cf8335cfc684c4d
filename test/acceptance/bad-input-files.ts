/** The OVAs and images of `bad-input`: one that is right, and for each way to be wrong one that differs in nothing else. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runChild } from '../../src/process/child.ts';
import { type BuildOptions, buildOva } from '../fixtures/ova/build.ts';
import { writeTar } from '../fixtures/ova/tar-writer.ts';

const mib = 2 ** 20;

export type InputFiles = Awaited<ReturnType<typeof makeInputFiles>>;

/** `secret`: what no migration may ever read; bad input points to files in `dir` that hold it. */
export async function makeInputFiles(dir: string, secret: string) {
  const at = (name: string): string => join(dir, name);
  await mkdir(dir, { recursive: true });
  await writeFile(at('secret.raw'), Buffer.alloc(mib, `${secret}\n`));

  const raw = at('disk.raw');
  const data = await open(raw, 'w');
  await data.write(randomBytes(3 * mib), 0, 3 * mib, mib);
  await data.truncate(16 * mib);
  await data.close();
  await create('convert', '-f', 'raw', '-O', 'qcow2', raw, at('disk.qcow2'));
  await create('convert', '-f', 'raw', '-O', 'vmdk', '-o', 'subformat=streamOptimized', raw, at('disk.vmdk'));
  const capacityBytes = 16 * mib;

  /** As oVirt would export it: of KVM, so nothing is to be converted. */
  const ova = async (name: string, more: Partial<BuildOptions> = {}, image = at('disk.qcow2')): Promise<string> => {
    const disks = [{ file: image, format: 'qcow2' as const, capacityBytes, name: 'disk.qcow2' }];
    await buildOva({ path: at(name), vmName: 'app', style: 'ovirt', manifest: 'sha256', disks, ...more });
    return at(name);
  };
  const vmwareOva = async (name: string, image: string): Promise<string> => {
    const disks = [{ file: image, format: 'vmdk' as const, capacityBytes, name: 'disk.vmdk' }];
    await buildOva({ path: at(name), vmName: 'app', style: 'vmware', manifest: 'sha256', disks });
    return at(name);
  };

  const good = await ova('good.ova');
  const truncated = await ova('truncated.ova');
  await truncate(truncated, 2 * mib);
  await writeTar(at('no-ovf.ova'), [{ name: 'disk.qcow2', content: { file: at('disk.qcow2') } }]);
  const manifest = await ova('manifest.ova', { editManifest: wrongDigest });
  const doctype = await ova('doctype.ova', {
    description: 'NOTE',
    editOvf: (text) =>
      text
        .replace('?>', `?>\n<!DOCTYPE e [<!ENTITY note SYSTEM "file://${at('secret.raw')}">]>`)
        .replace('NOTE', '&note;'),
  });
  const outside = await ova('outside.ova', elsewhere('../secret.raw'));
  const absolute = await ova('absolute.ova', elsewhere(at('secret.raw')));
  const link = { name: 'link.qcow2', type: '2', linkName: at('secret.raw') };
  const symlinked = await ova('symlink.ova', { ...elsewhere('link.qcow2'), manifest: 'none', extra: [link] });
  await ova('linked', { ...elsewhere('link.qcow2'), manifest: 'none', layout: 'directory' });
  await symlink(at('secret.raw'), at('linked/link.qcow2'));
  const several = await ova('several.ova', { editOvf: twice });

  await create('create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', at('secret.raw'), at('backed.qcow2'));
  const dataFile = at('secret-data.raw');
  await create('create', '-q', '-f', 'qcow2', '-o', `data_file=${dataFile},data_file_raw=on`, at('split.qcow2'), '1M');
  await writeFile(dataFile, Buffer.alloc(mib, `${secret}\n`));
  await writeFile(at('huge.qcow2'), await hugeQcow2(at('disk.qcow2')));
  await writeFile(at('foreign.vmdk'), vmdkText(`RW 2048 FLAT "${at('secret.raw')}" 0`));
  await writeFile(at('child.vmdk'), vmdkText('RW 2048 SPARSE "child-s001.vmdk"', 'base.vmdk'));

  // 48 MiB that compress to almost nothing: it looks as if it fitted, until it is written.
  await writeFile(at('swelling.raw'), Buffer.alloc(48 * mib, 'Wherry was here. '));
  await create('convert', '-f', 'raw', '-O', 'qcow2', '-c', at('swelling.raw'), at('swelling.qcow2'));
  // 48 MiB that take as much room as they say.
  await writeFile(at('large.raw'), randomBytes(48 * mib));
  return {
    dir,
    secretFiles: [at('secret.raw'), dataFile],
    good,
    truncated,
    noOvf: at('no-ovf.ova'),
    manifest,
    doctype,
    outside,
    absolute,
    symlinked,
    linkedDirectory: at('linked'),
    several,
    backed: await ova('backed.ova', {}, at('backed.qcow2')),
    split: await ova('split.ova', {}, at('split.qcow2')),
    huge: await ova('huge.ova', {}, at('huge.qcow2')),
    foreign: await vmwareOva('foreign.ova', at('foreign.vmdk')),
    child: await vmwareOva('child.ova', at('child.vmdk')),
    vmware: await vmwareOva('vmware.ova', at('disk.vmdk')),
    swelling: await ova('swelling.ova', {}, at('swelling.qcow2')),
    large: at('large.raw'),
  };
}

async function create(...words: string[]): Promise<void> {
  await runChild('qemu-img', words);
}

/** The OVF names another file as its disk. */
function elsewhere(href: string): Pick<BuildOptions, 'editOvf'> {
  return { editOvf: (text) => text.replace('ovf:href="disk.qcow2"', `ovf:href="${href}"`) };
}

/** Digests that are well formed and of something else. */
function wrongDigest(text: string): string {
  return text.replace(
    /(disk\.qcow2\)= )([0-9a-f])/,
    (_, start: string, digit: string) => start + (digit === '0' ? '1' : '0'),
  );
}

/** The same VM again, under another name. */
function twice(text: string): string {
  return text.replace(/<VirtualSystem .*<\/VirtualSystem>/s, (system) => {
    const other = system
      .replace(/ovf:id="[^"]*"/, 'ovf:id="second-vm"')
      .replace('<Name>app</Name>', '<Name>app-db</Name>');
    return `<VirtualSystemCollection ovf:id="c">${system}${other}</VirtualSystemCollection>`;
  });
}

async function hugeQcow2(path: string): Promise<Buffer> {
  const image = await readFile(path);
  image.writeBigUInt64BE(2n ** 64n - 512n, 24); // the virtual size
  return image;
}

function vmdkText(extent: string, parent?: string): string {
  return `# Disk DescriptorFile
version=1
CID=fffffffe
parentCID=${parent === undefined ? 'ffffffff' : '12345678'}
createType="monolithicFlat"
${parent === undefined ? '' : `parentFileNameHint="${parent}"\n`}
# Extent description
${extent}

# The Disk Data Base
ddb.virtualHWVersion = "4"
`;
}
