import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { minify } from './src/wgsl/minify.js';

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
            ? minify(text)
            : JSON.stringify({ version: JSON.parse(text).version });
      return `export default ${JSON.stringify(bundled)};`;
    },
  };
}

/** Tests of a browser and its GPU process, or that take much memory. */
const alone = ['test/browser/**/*.test.ts', 'test/networks/fullSize.test.ts'];
/** Needs a Python with torchvision beside Node: `npm run test:pytorch`. */
const withTorch = ['test/pytorch/**/*.test.ts'];
/** Fetches files of others: `npm run test:onnx`. */
const onFiles = ['test/foreign/**/*.test.ts'];
/** Needs a browser: `npm run test:page`. */
const inPage = ['test/page/**/*.test.ts'];
/** For a runtime that is not the one of `npm test`: `npm run test:runtime`. */
const inRuntime = ['test/runtime/**/*.test.ts'];
/** For Deno besides, which has another compiler of kernels: `npm run test:deno`. */
const inDeno = ['test/deno/**/*.test.ts'];

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
        layers: 'src/layers.ts',
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
    setupFiles: ['test/support/propertySeed.ts'],
    // Dawn does not survive worker threads.
    pool: 'forks',
    // To end what hangs. The slowest take a minute on two idle cores: a busy machine has fifteen times as long.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    passWithNoTests: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          include: ['test/**/*.test.ts'],
          exclude: [...alone, ...withTorch, ...onFiles, ...inPage, ...inRuntime, ...inDeno],
          // One fills what another leaves idle of a software adapter's cores, while kernels compile above all.
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: 'alone', include: alone, maxWorkers: 1, sequence: { groupOrder: 1 } } },
      { extends: true, test: { name: 'pytorch', include: withTorch, maxWorkers: 1, sequence: { groupOrder: 2 } } },
      { extends: true, test: { name: 'onnx', include: onFiles, maxWorkers: 1, sequence: { groupOrder: 2 } } },
      { extends: true, test: { name: 'page', include: inPage, maxWorkers: 1, sequence: { groupOrder: 3 } } },
      { extends: true, test: { name: 'runtime', include: inRuntime, maxWorkers: 2, sequence: { groupOrder: 4 } } },
      { extends: true, test: { name: 'deno', include: inDeno, maxWorkers: 2, sequence: { groupOrder: 4 } } },
    ],
  },
});
