import { defineConfig } from 'vite';

/** The bench, and what else runs by hand, as Node runs it, in a folder that git ignores and npm does not publish. */
export default defineConfig({
  build: {
    outDir: 'bench/dist',
    target: 'node20',
    ssr: true,
    minify: false,
    rollupOptions: {
      input: {
        main: 'bench/main.ts',
        coldOurs: 'bench/coldOurs.ts',
        machineCode: 'bench/machineCode.ts',
        coldPeer: 'bench/coldPeer.ts',
        soak: 'bench/soak/main.ts',
        study: 'bench/study/main.ts',
        fuzz: 'test/fuzz/main.ts',
      },
      output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
    },
  },
  // One instance of TensorFlow.js with the gradients that its Node build leaves out.
  ssr: { noExternal: true, external: ['webgpu', '@sparticuz/chromium', 'sharp'] },
});
