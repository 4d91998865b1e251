import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build as esbuild } from 'esbuild';
import type { Browser } from 'playwright-core';
import type typescript from 'typescript';
import { build as vite } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import webpack from 'webpack';
import { launchBrowser, openPage } from '../support/browser.js';
import { consumer } from '../support/packed.js';
import { type FolderServer, serveFolder } from '../support/server.js';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const adapter = process.env.ICNET_TEST_ADAPTER ?? 'auto';

/** The package from its tarball, in the hands of the tools that others use. */
let folder: string;

beforeAll(async () => {
  folder = await consumer(
    'consumer',
    join(import.meta.dirname, 'consumer'),
    'webgpu',
    '@sparticuz/chromium',
    '@webgpu/types',
  );
}, 300_000);

describe('Node', () => {
  it('imports it as ES modules and computes', async () => {
    const { stdout } = await run(process.execPath, ['node.mjs', adapter], { cwd: folder });
    expect(JSON.parse(stdout)).toEqual([0, 2, 0]);
  });

  it('imports it on a server, where importing looks at nothing of a page', async () => {
    const { stdout } = await run(process.execPath, ['server.mjs'], { cwd: folder });
    expect(JSON.parse(stdout)).toEqual(new Array(9).fill(true));
  });
});

describe.each(['typescript-5.9', 'typescript'])('%s', (compiler) => {
  const strict = {
    ...{ target: 'es2022', strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true },
  };

  /** What the compiler finds in a program of a fresh project; nothing where all is right. */
  async function faults(file: string, options: object): Promise<string> {
    const config = join(folder, 'tsconfig.json');
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await writeFile(config, JSON.stringify({ compilerOptions: { ...strict, ...options }, files: [file] }));
    const tsc = join(root, 'node_modules', compiler, 'bin/tsc');
    // What it finds ends it with a code that is not 0, and stands on its output.
    return run(process.execPath, [tsc, '-p', config]).then(
      ({ stdout }) => stdout,
      ({ stdout, message }) => stdout || message,
    );
  }

  const resolutions = [{ module: 'nodenext' }, { module: 'esnext', moduleResolution: 'bundler' }];

  it.each(resolutions)('checks the package and a program with no further types, module $module', async (module) => {
    expect(await faults('types.ts', { ...module, types: [] })).toBe('');
  });

  it.each(resolutions)('checks a program that calls WebGPU itself, module $module', async (module) => {
    // Version 6 has part of WebGPU in its own types, which contradict @webgpu/types where libraries are checked.
    const options = { ...module, types: ['@webgpu/types'], skipLibCheck: compiler === 'typescript' };
    expect(await faults('webgpu.ts', options)).toBe('');
  });

  it('needs no more than the language for any subpath by itself, where there are neither the DOM nor Node', async () => {
    const ts: typeof typescript = createRequire(import.meta.url)(compiler);
    const options: typescript.CompilerOptions = {
      ...{ module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, lib: ['lib.es2022.d.ts'], types: [] },
      ...{ strict: true, noEmit: true },
    };
    for (const subpath of ['', '/io', '/kernels', '/layers', '/models', '/node', '/onnx', '/train', '/tune']) {
      const entry = join(folder, `entry${subpath.slice(1)}.ts`);
      await writeFile(entry, `export * from 'ic-networks${subpath}';\n`);
      const program = ts.createProgram([entry], options);
      const faults = ts.getPreEmitDiagnostics(program);
      const texts = faults.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
      expect(texts, subpath).toEqual([]);
      expect(program.getSourceFiles().length, subpath).toBeGreaterThan(10);
    }
  });
});

describe('In the browser, under a policy that allows scripts of this server alone, neither eval nor blobs', () => {
  const policy = { 'content-security-policy': "default-src 'none'; script-src 'self'" };
  let browser: Browser;
  let server: FolderServer;
  let site: string;

  beforeAll(async () => {
    site = join(folder, 'site');
    await mkdir(site, { recursive: true });
    [browser, server] = await Promise.all([launchBrowser(), serveFolder(site, policy)]);
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  const entry = () => join(folder, 'browser.js');
  const bundlers: Record<string, () => Promise<unknown>> = {
    vite: () =>
      vite({
        ...{ root: folder, configFile: false, logLevel: 'error' },
        build: {
          ...{ outDir: join(site, 'vite'), emptyOutDir: false, target: 'esnext', modulePreload: { polyfill: false } },
          rollupOptions: { input: entry(), output: { entryFileNames: 'main.js' } },
        },
      }),
    esbuild: () =>
      esbuild({
        entryPoints: [entry()],
        bundle: true,
        format: 'esm',
        minify: true,
        outfile: join(site, 'esbuild/main.js'),
      }),
    webpack: () =>
      new Promise<void>((done, fail) => {
        // Told where its files lie, webpack brings no code to find that out, which has a `new Function` to fall back on.
        const output = { path: join(site, 'webpack'), filename: 'main.js', publicPath: 'webpack/' };
        webpack({ mode: 'production', context: folder, entry: entry(), output }, (error, stats) => {
          if (error || stats?.hasErrors()) fail(error ?? new Error(stats?.toString('errors-only')));
          else done();
        });
      }),
  };

  it.each(Object.keys(bundlers))('%s bundles it, and the page computes', async (name) => {
    await bundlers[name]!();
    await writeFile(
      join(site, `${name}.html`),
      `<!doctype html><title>${name}</title><script type="module" src="${name}/main.js"></script>`,
    );
    const text = await readFile(join(site, name, 'main.js'), 'utf8');
    expect(text.match(/\beval\(|new Function\(|createObjectURL/)).toBeNull();
    const { page, complaints } = await openPage(browser);
    await page.goto(`${server.address}${name}.html`);
    const html = page.locator('html[data-result]');
    await html.waitFor({ state: 'attached' });
    expect(JSON.parse((await html.getAttribute('data-result'))!)).toEqual({
      ...{ values: [0, 2, 0], kernel: 'activation', network: 'ic-resnet20', functions: new Array(4).fill('function') },
    });
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
