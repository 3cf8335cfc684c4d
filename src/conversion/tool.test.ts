import { describe, expect, it } from 'vitest';
import { inspectVersion, parseVersion } from './tool.ts';

const features22 = 'virt-v2v-in-place\nlibguestfs-rewrite\nmac-option\ninput:disk\ninput:libvirtxml\nconvert:linux\n';

describe('virt-v2v-in-place', () => {
  it('is there, with a version and what it can do', async () => {
    const found = await inspectVersion();
    expect(found.version).toMatch(/^\d+\.\d+\.\d+$/);
    const [major = 0, minor = 0] = found.version.split('.').map(Number);
    expect(found.outputXml).toBe(major > 2 || (major === 2 && minor >= 8));
  });

  it('that is missing is an error that says what to install', async () => {
    await expect(inspectVersion(undefined, ['/nonexistent/virt-v2v-in-place'])).rejects.toMatchObject({
      code: 'conversion.tool_missing',
    });
  });

  it('of 2.2 writes no document, of 2.8 does', () => {
    expect(parseVersion('x', 'virt-v2v-in-place 2.2.0', features22)).toMatchObject({
      version: '2.2.0',
      outputXml: false,
    });
    expect(
      parseVersion('x', 'virt-v2v-in-place 2.8.1', `${features22}output-xml-option\nblock-driver-option\n`),
    ).toMatchObject({ outputXml: true });
  });

  it('that cannot read a libvirt document, or is something else, is no use', () => {
    expect(() => parseVersion('x', 'virt-v2v-in-place 9.0.0', 'input:disk\n')).toThrow('9.0.0 cannot read');
    expect(() => parseVersion('x', 'hello', features22)).toThrow('cannot read');
  });
});
