import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

/** A program in the documentation. */
export interface CodeBlock {
  /** File and line, for messages. */
  readonly place: string;
  /** Of the file. */
  readonly page: string;
  /** The file, and which of its programs this is, from 1. */
  readonly name: string;
  /** Of the file that it is written to, without an ending. */
  readonly file: string;
  /** JavaScript that TypeScript checks as well. */
  readonly code: string;
  /** Programs marked `ts browser` are a page's. */
  readonly runsIn: 'node' | 'browser';
}

/** Every page of the documentation: README, CONTRIBUTING and all in docs. */
export async function documentation(): Promise<string[]> {
  const docs = await readdir(join(root, 'docs'), { recursive: true });
  const pages = docs.filter((name) => name.endsWith('.md')).map((name) => join('docs', name));
  return ['README.md', 'CONTRIBUTING.md', ...pages.sort()];
}

/** The programs of all pages. */
export async function codeBlocks(): Promise<CodeBlock[]> {
  return (await Promise.all((await documentation()).map(blocksOf))).flat();
}

/** The programs of a page. */
export async function blocksOf(page: string): Promise<CodeBlock[]> {
  const text = await readFile(join(root, page), 'utf8');
  return [...text.matchAll(/^```ts( .*)?\n([\s\S]*?)^```$/gm)].map((match, index) => ({
    place: `${page}:${text.slice(0, match.index).split('\n').length}`,
    page,
    name: `${page} ${index + 1}`,
    file: `${page} ${index + 1}`.replace(/\W+/g, '-'),
    code: match[2]!,
    runsIn: match[1] === ' browser' ? 'browser' : 'node',
  }));
}
