import { defineConfig } from 'vitest/config';

export default defineConfig({
  build: {
    outDir: 'dist',
    target: 'node20',
    ssr: true,
    minify: false,
    rollupOptions: {
      input: {
        index: 'src/index.ts',
        node: 'src/node.ts',
        train: 'src/train.ts',
        io: 'src/io.ts',
        cli: 'src/cli/main.ts',
      },
      output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
    },
  },
  // The published files need nothing installed beside them but the optional WebGPU packages.
  ssr: { noExternal: true, external: ['webgpu', '@sparticuz/chromium'] },
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/propertySeed.ts'],
    // Dawn does not survive worker threads; one process at a time keeps two cores free for the software adapter.
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    passWithNoTests: false,
  },
});
