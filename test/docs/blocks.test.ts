import { readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageNetNormalisation, imageNetTransform, pictureInput } from '../../src/io/picture.js';
import { initialParameters } from '../../src/models/initialise.js';
import { networkByName } from '../../src/models/networkByName.js';
import { launchBrowser } from '../support/browser.js';
import { planFunctions } from '../support/catalogue.js';
import { type FolderServer, serveFolder } from '../support/server.js';
import { weightsOf } from '../weights/files.js';
import { codeBlocks, documentation, root } from './blocks.js';
import { checks, expectLogits, tiny } from './checks.js';
import { buildPages, emptyFolder, openProgram, printedBy, runProgram } from './programs.js';

const all = await codeBlocks();
// docs/start.md goes on from one to the next, commands between them: it has a test of its own.
const blocks = all.filter(({ page }) => page !== 'docs/start.md');
const inNode = blocks.filter(({ runsIn }) => runsIn === 'node');
const inBrowser = blocks.filter(({ runsIn }) => runsIn === 'browser');

/** A file of weights of a network, as PyTorch's tools write them. */
const weights = (name: string, seed: number): Uint8Array =>
  weightsOf(networkByName(name), initialParameters(networkByName(name), seed));

it('finds the programs, and knows of each whether what it computes is right', () => {
  expect(blocks.length).toBeGreaterThan(20);
  expect(inNode.map(({ name }) => name).sort()).toEqual(Object.keys(checks).sort());
  expect(inBrowser.map(({ name }) => name)).toEqual(['docs/embedding.md 5', 'docs/pictures.md 1', 'docs/weights.md 2']);
});

it('type-checks every program against the packed package', async () => {
  const folder = await emptyFolder('typed');
  const paths = all.map(({ file }) => join(folder, `${file}.mts`));
  await Promise.all(all.map(({ code }, index) => writeFile(paths[index]!, code)));
  const program = ts.createProgram(paths, {
    ...{ module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, strict: true, noEmit: true },
    ...{ types: ['@webgpu/types'], typeRoots: [join(folder, '../node_modules')], skipLibCheck: true },
  });
  const faults = all.flatMap(({ place }, index) => {
    const file = program.getSourceFile(paths[index]!)!;
    const diagnostics = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return diagnostics.map(({ messageText }) => `${place}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`);
  });
  expect(faults).toEqual([]);
});

describe('In Node, from the packed package in an empty folder', () => {
  /** One for the programs of a page, which may go on with what an earlier one left. */
  const folders = new Map<string, string>();
  /** What a page takes for granted, as its text says. */
  const given: Readonly<Record<string, (folder: string) => Promise<void>>> = {
    'docs/pictures.md': (folder) => symlink(join(root, 'test/golden/pictures/444.jpg'), join(folder, 'dog.jpg')),
    'docs/weights.md': (folder) => writeFile(join(folder, 'resnet18.safetensors'), weights('resnet18', 5)),
  };

  async function folderOf(page: string): Promise<string> {
    const known = folders.get(page);
    if (known !== undefined) return known;
    const folder = await emptyFolder(page.replace(/\W+/g, '-'));
    await given[page]?.(folder);
    folders.set(page, folder);
    return folder;
  }

  it.each(inNode)('$place computes what it should', async ({ page, name, code }) => {
    const folder = await folderOf(page);
    await checks[name]!(await runProgram(folder, code), folder);
  });
});

describe('In the browser', () => {
  let browser: Browser;
  let server: FolderServer;

  beforeAll(async () => {
    const site = await buildPages('pages', inBrowser);
    await writeFile(join(site, 'resnet8.safetensors'), weights('resnet8', 3));
    [server, browser] = await Promise.all([serveFolder(site), launchBrowser()]);
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  const open = (name: string) => openProgram(browser, server.address, inBrowser.find((block) => block.name === name)!);

  it('docs/embedding.md 5: an effect that is ended and called again computes once', async () => {
    const { page, printed, complaints } = await open('docs/embedding.md 5');
    expectLogits(JSON.parse(printed), tiny, new Float32Array(64).fill(0.5));
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('docs/pictures.md 1: a canvas becomes logits', async () => {
    const { page, printed, complaints } = await open('docs/pictures.md 1');
    const data = new Uint8Array(300 * 270 * 4);
    for (let y = 0; y < 200; y++) {
      for (let x = 0; x < 200; x++) data.set([0, 128, 128, 255], (y * 300 + x) * 4);
    }
    const input = pictureInput({ width: 300, height: 270, data }, imageNetTransform, imageNetNormalisation);
    expectLogits(JSON.parse(printed), networkByName('ic-mobilenet-v2'), input);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('docs/weights.md 2: weights come from an address, and from a file that is chosen', async () => {
    const { page, printed, complaints } = await open('docs/weights.md 2');
    expect(printed).toMatch(/^loaded \d\d/);
    const message = printedBy(page);
    const buffer = Buffer.from(weights('resnet8', 2));
    await page.setInputFiles('input', { name: 'mine.safetensors', mimeType: '', buffer });
    expect((await message).text()).toBe('loaded mine.safetensors');
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});

it('links from page to page lead somewhere', async () => {
  const dead: string[] = [];
  for (const page of await documentation()) {
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
