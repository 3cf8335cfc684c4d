import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createCoverage } from '../../transfer/coverage.ts';
import { chunkBytes } from '../../transfer/digest.ts';
import { untoldChunks } from './untold.ts';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

test('what the journal holds and the server lacks is told; what either lacks is not', () => {
  const sizeBytes = chunkBytes * 3 + 1;
  const coverage = createCoverage(sizeBytes);
  coverage.markChunk(0, digest('zero'));
  coverage.markChunk(1, digest('one'));
  coverage.markChunk(3, digest('three, short'));
  expect(untoldChunks('d', coverage, sizeBytes, [{ chunk: 0 }, { chunk: 2 }])).toEqual([
    { diskId: 'd', chunk: 1, digest: digest('one').toString('hex') },
    { diskId: 'd', chunk: 3, digest: digest('three, short').toString('hex') },
  ]);
  expect(untoldChunks('d', createCoverage(sizeBytes), sizeBytes, [])).toEqual([]);
});
