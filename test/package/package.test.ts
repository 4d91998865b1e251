import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { publint } from 'publint';
import { beforeAll, describe, expect, it } from 'vitest';
import { kernels } from '../../src/kernels.js';
import { minify } from '../../src/wgsl/minify.js';
import { assumedUnits } from '../support/assumedUnits.js';
import { catalogue, planFunctionsOf } from '../support/catalogue.js';
import { type Packed, packed } from '../support/packed.js';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
let pack: Packed;

beforeAll(async () => {
  pack = await packed();
}, 300_000);

const manifest = async () =>
  JSON.parse(await readFile(join(pack.project, 'node_modules/ic-networks/package.json'), 'utf8'));

describe('The tarball', () => {
  it('holds ES modules, types, kernels, README, LICENSE and CHANGELOG, and nothing else', async () => {
    const { stdout } = await run('tar', ['tzf', pack.tarball]);
    const files = stdout.trim().split('\n');
    const allowed =
      /^package\/(package\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/(chunks\/)?[\w-]+\.js|dist\/types\/[\w/]+\.d\.ts|kernels\/(shared\/)?\w+\.(wgsl|md))$/;
    expect(files.filter((file) => !allowed.test(file))).toEqual([]);
    for (const name of ['LICENSE', 'README.md', 'CHANGELOG.md', 'dist/index.js', 'dist/types/index.d.ts']) {
      expect(files).toContain(`package/${name}`);
    }
    for (const name of Object.keys(kernels)) expect(files).toContain(`package/kernels/${name}.wgsl`);
  });

  it('needs nothing installed, and Dawn and the decoder of pictures alone as optional peers', async () => {
    const { dependencies, peerDependencies, peerDependenciesMeta } = await manifest();
    expect(dependencies).toBeUndefined();
    expect(Object.keys(peerDependencies)).toEqual(['sharp', 'webgpu']);
    expect(peerDependenciesMeta).toEqual({ sharp: { optional: true }, webgpu: { optional: true } });
  });

  it('has no fault that publint knows', async () => {
    const { messages } = await publint({ pkgDir: join(pack.project, 'node_modules/ic-networks'), level: 'suggestion' });
    expect(messages).toEqual([]);
  });

  it('has the right types under every resolution of ES modules', async () => {
    const attw = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js');
    // What it finds ends it with a code that is not 0, and stands on its output; without ES modules there is nothing, as intended.
    const { stdout } = await run(process.execPath, [attw, pack.tarball, '--profile', 'esm-only']).catch((error) => {
      throw new Error(error.stdout);
    });
    expect(stdout).toContain('"ic-networks/kernels"');
  }, 120_000);
});

/** Modules as esbuild bundles them for a browser. */
async function bundles(modules: Readonly<Record<string, string>>, minify: boolean): Promise<Record<string, string>> {
  const { outputFiles } = await build({
    entryPoints: Object.fromEntries(Object.keys(modules).map((name) => [name, `module:${name}`])),
    outdir: 'bundles',
    write: false,
    bundle: true,
    minify,
    format: 'esm',
    platform: 'node',

    plugins: [
      {
        name: 'modules',
        setup({ onResolve, onLoad }) {
          // What is loaded when it is used is a file of its own.
          onResolve({ filter: /./ }, ({ kind, path }) =>
            kind === 'dynamic-import' ? { path, external: true } : undefined,
          );
          onResolve({ filter: /^module:/ }, ({ path }) => ({ path: path.slice(7), namespace: 'module' }));
          onLoad({ filter: /.*/, namespace: 'module' }, ({ path }) => ({
            contents: modules[path]!,
            resolveDir: pack.project,
          }));
        },
      },
    ],
  });
  return Object.fromEntries(outputFiles.map(({ path, text }) => [/([\w-]+)\.js$/.exec(path)![1]!, text]));
}

describe('Size', () => {
  it('of every subpath is what docs/embedding.md says at most, and that of the core below 44 KB', async () => {
    const guide = await readFile(join(root, 'docs/embedding.md'), 'utf8');
    const rows = [...guide.matchAll(/^\| `ic-networks(?:\/(\w+))?` \|.*\| (\d+) KB \|$/gm)];
    const limits = Object.fromEntries(rows.map(([, name = 'index', size]) => [name, Number(size)]));
    const subpaths = Object.keys((await manifest()).exports).filter((path) => !/[*]|json/.test(path));
    const names = subpaths.map((path) => (path === '.' ? 'index' : path.slice(2)));
    expect(Object.keys(limits).sort()).toEqual([...names].sort());
    expect(limits.index).toBeLessThanOrEqual(44);

    const specifier = (name: string): string => (name === 'index' ? 'ic-networks' : `ic-networks/${name}`);
    const texts = await bundles(
      Object.fromEntries(names.map((name) => [name, `export * from '${specifier(name)}';`])),
      true,
    );
    const kilobytes = (name: string): number => gzipSync(texts[name]!, { level: 9 }).length / 1000;
    const tooLarge = names.filter((name) => kilobytes(name) > limits[name]!);
    const sizes = tooLarge.map((name) => `${specifier(name)}: ${kilobytes(name).toFixed(1)} KB, not ${limits[name]}`);
    expect(sizes, 'larger than docs/embedding.md says').toEqual([]);
  });
});

describe('Tree shaking', () => {
  it('brings in the kernels of the operation that is imported, and no others', async () => {
    const traits = { subgroup: 8, half: true, textures: true, matrix: assumedUnits };
    const plans = catalogue(traits, ['naive', 'subgroup', 'tiled', 'winograd']);
    const names = Object.keys(plans);
    const texts = await bundles(
      Object.fromEntries(
        Object.entries(planFunctionsOf).flatMap(([subpath, functions]) =>
          functions.map((name) => [name, `export { ${name} } from '${subpath}';`]),
        ),
      ),
      false,
    );
    const unescaped = Object.fromEntries(names.map((name) => [name, texts[name]!.replaceAll('\\n', '\n')]));
    const stripped = Object.values(kernels).map((kernel) => [kernel.name, minify(kernel.source)] as const);
    for (const name of names) {
      const brought = stripped.filter(([, text]) => unescaped[name]!.includes(text)).map(([kernel]) => kernel);
      const used = new Set(
        plans[name]!.flatMap(({ steps, prepare = [] }) => [...steps, ...prepare].map(({ kernel }) => kernel.name)),
      );
      const mayUse = [...familyKernels(name), ...used];
      expect(brought, name).toEqual(expect.arrayContaining([...used]));
      expect(
        brought.filter((kernel) => !mayUse.includes(kernel)),
        `${name} brings in`,
      ).toEqual([]);
    }
    expect(unescaped.planRelu!.length).toBeLessThan(12_000);
  });
});

/** Kernels that an operation holds ready although the catalogue's shape does not take them. */
function familyKernels(name: string): string[] {
  const forward = ['naive', 'subgroup', 'tiled', 'depthwise'].map((family) => `conv2d_${family}`);
  const textures = ['tensor_to_texture', 'filter_transpose'];
  const product = [
    ...forward,
    ...textures,
    ...['filter', 'input', 'output'].map((step) => `winograd_${step}`),
    'pixel_sums',
    'mean_pool',
  ];
  if (/^plan(Convolution|Dense)$/.test(name)) return product;
  if (/InputGradient$|^planTransposedConvolution$/.test(name))
    return [...product, 'conv2d_input_gradient_naive', 'filter_transpose'];
  if (/(Filter|Weight)Gradient$/.test(name)) {
    return Object.keys(kernels).filter(
      (kernel) => kernel.startsWith('conv2d_filter_gradient') || kernel === 'sum_slices',
    );
  }
  return [];
}
