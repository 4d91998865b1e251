import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import ts from 'typescript';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageNetNormalisation, imageNetTransform, pictureInput } from '../../src/io/picture.js';
import { initialParameters } from '../../src/models/initialise.js';
import { bundledTexts } from '../../vite.config.js';
import { networkForward } from '../reference/network.js';
import { launchBrowser, openPage } from '../support/browser.js';
import { planFunctions } from '../support/catalogue.js';
import { closeTestDevice } from '../support/device.js';
import { type FolderServer, serveFolder } from '../support/server.js';
import { expectClose } from '../support/tolerance.js';
import { weightsOf } from '../weights/files.js';
import { type CodeBlock, codeBlocks, moduleOf, root } from './blocks.js';
import { checks } from './checks.js';
import { given, inWorkFolder, removeFiles, submitPasses } from './given.js';
import { tinyNetwork } from './tinyNetwork.js';

/** What a block in a page leaves, as plain data; empty what it has not. */
interface Plain {
  readonly state: readonly (readonly [name: string, values: readonly number[]])[];
  readonly version: number | undefined;
  readonly logits: readonly number[];
  readonly pixels: readonly number[];
}

const folder = join(root, '.docs/blocks');
const blocks = await codeBlocks();
const inNode = blocks.filter(({ runsIn }) => runsIn === 'node');
const inBrowser = blocks.filter(({ runsIn }) => runsIn === 'browser');
const fileOf = ({ place }: CodeBlock): string => place.replace(/\W+/g, '-');
const pathOf = (block: CodeBlock): string => join(folder, `${fileOf(block)}.ts`);

beforeAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const names = { node: Object.keys(given()), browser: ['state', 'network', 'canvas', 'fileInput'] };
  await submitPasses();
  for (const block of blocks) await writeFile(pathOf(block), moduleOf(block, names[block.runsIn], folder));
});

afterAll(async () => {
  await closeTestDevice();
  await removeFiles();
});

it('finds the blocks, and knows of each whether what it computes is right', () => {
  expect(blocks.length).toBeGreaterThan(20);
  expect(inNode.map(({ name }) => name).sort()).toEqual(Object.keys(checks).sort());
  expect(inBrowser.map(({ name }) => name)).toEqual(['docs/pictures.md 1', 'docs/weights.md 2']);
});

it('type-checks every block', () => {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  // Examples declare what they show and need not use it.
  const lenient = { ...options, noUnusedLocals: false, noUnusedParameters: false };
  const program = ts.createProgram(blocks.map(pathOf), lenient);
  const faults = blocks.flatMap((block) => {
    const file = program.getSourceFile(pathOf(block))!;
    const diagnostics = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return diagnostics.map(
      ({ messageText }) => `${block.place}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    );
  });
  expect(faults).toEqual([]);
});

describe('In Node', () => {
  it.each(inNode)('$place computes what it should', async (block) => {
    await inWorkFolder(async () => {
      const { blockValues } = await import(/* @vite-ignore */ pathOf(block));
      expect(await submitPasses()).toBeUndefined();
      await checks[block.name]!(blockValues as never);
    });
  });
});

describe('In the browser', () => {
  const site = join(root, '.docs/site');
  let browser: Browser;
  let server: FolderServer;

  beforeAll(async () => {
    const modules = [...inBrowser.map(pathOf), join(root, 'test/docs/givenInBrowser.ts')];
    await build({
      ...{ root, configFile: false, logLevel: 'error', plugins: [bundledTexts()] },
      build: {
        ...{ outDir: site, emptyOutDir: true, target: 'esnext', modulePreload: false },
        rollupOptions: { input: modules, preserveEntrySignatures: 'strict', output: { entryFileNames: '[name].js' } },
      },
    });
    await writeFile(join(site, 'page.html'), '<!doctype html><title>Blocks</title><input type="file">');
    [server, browser] = await Promise.all([serveFolder(site), launchBrowser()]);
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  /** Opens the page, runs a block in it, and hands its values on as plain data. */
  async function run(name: string, prepare: (page: Page) => Promise<unknown> = async () => {}): Promise<Plain> {
    const { page, complaints } = await openPage(browser);
    await page.goto(`${server.address}page.html`);
    await prepare(page);
    const block = blocks.find((candidate) => candidate.name === name)!;
    // As text: the test runner would put a function of its own in the place of import().
    const plain = await page.evaluate<Plain>(`(async () => {
      const { blockValues } = await import('${server.address}${fileOf(block)}.js');
      const { stateNow } = await import('${server.address}givenInBrowser.js');
      const state = Array.from(await stateNow(), ([entry, data]) => [entry, [...data]]);
      const { pixels, logits = [], state: left } = blockValues;
      return { state, version: left?.version, logits: [...logits], pixels: [...(pixels?.data ?? [])] };
    })()`);
    expect(complaints).toEqual([]);
    await page.context().close();
    return plain;
  }

  it('docs/pictures.md 1: a canvas becomes logits', async () => {
    const { pixels, logits } = await run('docs/pictures.md 1');
    const picture = { width: 300, height: 270, data: Uint8Array.from(pixels) };
    expect(new Set(picture.data).size).toBeGreaterThan(100);
    const input = pictureInput(picture, imageNetTransform, imageNetNormalisation);
    const exact = networkForward(tinyNetwork, initialParameters(tinyNetwork, 1), input, { training: false });
    expectClose(logits, exact.logits, 1e-4, 'logits');
  });

  it('docs/weights.md 2: weights come from a file that was chosen, and from an address', async () => {
    const weights = (seed: number): Buffer => Buffer.from(weightsOf(tinyNetwork, initialParameters(tinyNetwork, seed)));
    const { state, version } = await run('docs/weights.md 2', async (page) => {
      await page.setInputFiles('input', { name: 'w.safetensors', mimeType: '', buffer: weights(2) });
      const headers = { 'access-control-allow-origin': '*' };
      await page.route('https://example.org/**', (route) => route.fulfill({ body: weights(3), headers }));
    });
    // Written when the page was opened, then by the file, then by what came from the address.
    expect(version).toBe(3);
    const expected = Array.from(initialParameters(tinyNetwork, 3), ([name, data]) => [name, [...data]] as const);
    expect(new Map(state)).toEqual(new Map(expected));
  });
});

it('links from page to page lead somewhere', async () => {
  const docs = await readdir(join(root, 'docs'), { recursive: true });
  const pages = [
    'README.md',
    'CONTRIBUTING.md',
    ...docs.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`),
  ];
  const dead: string[] = [];
  for (const page of pages) {
    const text = await readFile(join(root, page), 'utf8');
    for (const [, target] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)) {
      const found = await readdir(join(root, page, '..', target!)).catch(() =>
        readFile(join(root, page, '..', target!)).catch(() => undefined),
      );
      if (found === undefined) dead.push(`${page}: ${target}`);
    }
  }
  expect(dead).toEqual([]);
});

it('has a page for every operation, with formula or arguments, gradients and limits', async () => {
  const operations = join(root, 'docs/operations');
  const pages = (await readdir(operations)).filter((name) => name !== 'README.md');
  const texts = await Promise.all(pages.map((name) => readFile(join(operations, name), 'utf8')));
  for (const [index, text] of texts.entries()) {
    for (const part of [/^ {4}\S/m, /^## Limits$/m, /gradient/i]) expect(text, pages[index]).toMatch(part);
  }
  const table = await readFile(join(operations, 'README.md'), 'utf8');
  for (const name of planFunctions) {
    expect(table, `${name} has no row in docs/operations/README.md`).toContain(`\`${name}\``);
    expect(
      texts.some((text) => text.includes(`\`${name}`)),
      `${name} has no page in docs/operations`,
    ).toBe(true);
  }
});
