import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { stripComments } from './src/wgsl/stripComments.js';

/**
 * Texts that are bundled hold what runs: kernels without comments, and of package.json the version. With `?source` a kernel
 * comes as it is.
 */
export function bundledTexts(): Plugin {
  return {
    name: 'bundled-texts',
    enforce: 'pre',
    load(id) {
      const [, path, query] = /^(.*(?:kernels\/.*\.wgsl|\/package\.json))\?(raw|source)$/.exec(id) ?? [];
      if (path === undefined) return undefined;
      const text = readFileSync(path, 'utf8');
      const bundled =
        query === 'source'
          ? text
          : path.endsWith('.wgsl')
            ? stripComments(text)
            : JSON.stringify({ version: JSON.parse(text).version });
      return `export default ${JSON.stringify(bundled)};`;
    },
  };
}

export default defineConfig({
  plugins: [bundledTexts()],
  build: {
    outDir: 'dist',
    target: 'node20',
    ssr: true,
    minify: false,
    rollupOptions: {
      input: {
        index: 'src/index.ts',
        models: 'src/models.ts',
        kernels: 'src/kernels.ts',
        node: 'src/node.ts',
        train: 'src/train.ts',
        tune: 'src/tune.ts',
        io: 'src/io.ts',
        onnx: 'src/onnx.ts',
        cli: 'src/cli/main.ts',
      },
      output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
    },
  },
  // The published files need nothing installed beside them but the optional WebGPU packages.
  ssr: { noExternal: true, external: ['webgpu', '@sparticuz/chromium', 'sharp'] },
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
