import { readdir, readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

/** A block of TypeScript in the documentation. */
export interface CodeBlock {
  /** File and line, for messages. */
  readonly place: string;
  readonly code: string;
  /** False for a block marked `ts no-run`: it needs a browser, a file, or minutes. It is type-checked all the same. */
  readonly runs: boolean;
}

/** The blocks of README, CONTRIBUTING and everything in docs. */
export async function codeBlocks(): Promise<CodeBlock[]> {
  const docs = await readdir(join(root, 'docs'), { recursive: true });
  const pages = docs.filter((name) => name.endsWith('.md')).map((name) => join(root, 'docs', name));
  const files = [join(root, 'README.md'), join(root, 'CONTRIBUTING.md'), ...pages.sort()];
  return (await Promise.all(files.map(blocksOf))).flat();
}

async function blocksOf(file: string): Promise<CodeBlock[]> {
  const text = await readFile(file, 'utf8');
  return [...text.matchAll(/^```ts( no-run)?\n([\s\S]*?)^```$/gm)].map((match) => ({
    place: `${relative(root, file)}:${text.slice(0, match.index).split('\n').length}`,
    code: match[2]!,
    runs: match[1] === undefined,
  }));
}

/** What blocks that are not run take for granted. */
const absent = [
  'declare const fileInput: { files: File[] };\n',
  'declare const file: File;\n',
  'declare const canvas: HTMLCanvasElement;\n',
  "declare const network: import('../../src/index.js').InferenceNetwork;\n",
  "declare const checkpoint: import('../../src/train.js').Checkpoint;\n",
];

/** The block as a module: it imports the sources for the package, and what it takes for granted is given. */
export function moduleOf({ code, runs }: CodeBlock, given: readonly string[], folder: string): string {
  const source = (entry: string): string => relative(folder, join(root, 'src', entry));
  const body = code.replace(
    /from 'ic-networks(?:\/([\w-]+))?'/g,
    (_, subpath = 'index') => `from './${source(subpath)}.js'`,
  );
  const declares = (name: string): boolean =>
    new RegExp(`(?:const|let|function) (?:\\{[^}]*\\b${name}\\b[^}]*\\}|${name}\\b)`).test(body);
  const used = given.filter(
    (name) => new RegExp(`(?<!\\w|(?<!\\.\\.)\\.)${name}\\b(?!:)`).test(body) && !declares(name),
  );
  const preamble = [
    `import { given } from './${relative(folder, join(root, 'test/docs/given.js'))}';`,
    `const { ${used.join(', ')} } = given();`,
  ];
  const browser = runs ? '' : absent.filter((line) => !declares(/const (\w+)/.exec(line)![1]!)).join('');
  return `${used.length > 0 ? `${preamble.join('\n')}\n` : ''}${browser}${body}\nexport {};\n`;
}
