/** layoutEx: the files of a VM and which of them make up each disk. */
import { asData, asList, asNumber, asText, data, isData, type Data } from '../values.ts';

export function layoutOf(config: Data, now: number): Data {
  const files: Data[] = [];
  const add = (name: string, type: string, size: number): number => {
    files.push(
      data('VirtualMachineFileLayoutExFileInfo', {
        key: files.length,
        name,
        type,
        size,
        uniqueSize: size,
        accessible: true,
      }),
    );
    return files.length - 1;
  };
  add(asText(asData(config['files'])?.['vmPathName']) ?? '', 'config', 2048);
  const disks = asList(asData(config['hardware'])?.['device'])
    .filter(isData)
    .filter(({ _type }) => _type === 'VirtualDisk');
  const disk = disks.map((each) => {
    const file = asText(asData(each['backing'])?.['fileName']) ?? '';
    const size = asNumber(each['capacityInBytes']) ?? 0;
    const fileKey = [add(file, 'diskDescriptor', 512), add(file.replace(/\.vmdk$/, '-flat.vmdk'), 'diskExtent', size)];
    const chain = [data('VirtualMachineFileLayoutExDiskUnit', { fileKey })];
    return data('VirtualMachineFileLayoutExDiskLayout', { key: each['key'], chain });
  });
  return data('VirtualMachineFileLayoutEx', { file: files, disk, timestamp: new Date(now).toISOString() });
}
