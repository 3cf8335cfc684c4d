import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: 'src/db/testing-setup.ts',
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'ui/src/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 3,
    // With a hundred real programs on two cores something is late now and then. The reporter names what was tried again.
    retry: process.env['CI'] === undefined ? 0 : 1,
  },
});
