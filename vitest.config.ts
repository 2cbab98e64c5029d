import { configDefaults, defineConfig } from 'vitest/config';

/**
 * Folders whose tests leave nothing behind in their process share it: TensorFlow.js, which takes longer to load than many
 * of them to run, is loaded once. Tests of the others register variants of their own, or change the process.
 */
const SHARING = ['data', 'engine', 'fit', 'models', 'ops', 'report', 'store', 'train'].map(
  (folder) => `test/${folder}/**/*.test.ts`,
);

// A project does not take over the mode (`npm run test:gpu`) of the command by itself.
export default defineConfig(({ mode }) => ({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    projects: [
      { extends: true, mode, test: { name: 'sharing', include: SHARING, isolate: false } },
      {
        extends: true,
        mode,
        test: {
          name: 'apart',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...SHARING],
        },
      },
    ],
  },
}));
