import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planFunctions } from '../support/catalogue.js';
import { closeTestDevice } from '../support/device.js';
import { type CodeBlock, codeBlocks, moduleOf, root } from './blocks.js';
import { given, submitPasses, workFolder } from './given.js';

const folder = join(root, '.docs/blocks');
const blocks = await codeBlocks();
const pathOf = (block: CodeBlock): string => join(folder, `${block.place.replace(/\W+/g, '-')}.ts`);

beforeAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const names = Object.keys(given());
  await submitPasses();
  for (const block of blocks) await writeFile(pathOf(block), moduleOf(block, names, folder));
});

afterAll(closeTestDevice);

it('finds the blocks', () => {
  expect(blocks.length).toBeGreaterThan(10);
  expect(blocks.filter(({ runs }) => runs).length).toBeGreaterThan(blocks.length / 2);
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

describe('runs', () => {
  const running = blocks.filter(({ runs }) => runs);

  it.each(running)('$place', async (block) => {
    const before = process.cwd();
    process.chdir(await workFolder());
    try {
      await import(/* @vite-ignore */ pathOf(block));
    } finally {
      process.chdir(before);
    }
    expect(await submitPasses()).toBeUndefined();
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
