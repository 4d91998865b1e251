import { defineConfig } from 'vite';

/** The demo's scripts as Node runs them, in a folder that git ignores and npm does not publish. */
export default defineConfig({
  build: {
    outDir: 'src/demo/scripts/dist',
    target: 'node20',
    ssr: true,
    minify: false,
    rollupOptions: {
      input: {
        checkpoint: 'src/demo/scripts/checkpoint.ts',
        race: 'src/demo/scripts/race.ts',
        screenshots: 'src/demo/scripts/screenshots.ts',
      },
      output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
    },
  },
  ssr: { external: ['webgpu', '@sparticuz/chromium', 'playwright-core', 'tar-fs', 'vite'] },
});
