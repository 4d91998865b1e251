import { readdir, readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import ts from 'typescript';

export const root = resolve(import.meta.dirname, '../..');

/** A block of TypeScript in the documentation. */
export interface CodeBlock {
  /** File and line, for messages. */
  readonly place: string;
  /** The file, and which of its blocks this is, from 1. */
  readonly name: string;
  readonly code: string;
  /** Where it runs; blocks marked `ts browser` take a page for granted. */
  readonly runsIn: 'node' | 'browser';
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
  const page = relative(root, file);
  return [...text.matchAll(/^```ts( .*)?\n([\s\S]*?)^```$/gm)].map((match, index) => ({
    place: `${page}:${text.slice(0, match.index).split('\n').length}`,
    name: `${page} ${index + 1}`,
    code: match[2]!,
    runsIn: match[1] === ' browser' ? 'browser' : 'node',
  }));
}

/** What takes minutes as it stands, and what runs in its place. */
const shortened = [
  ['steps: 200,', 'steps: 30,'],
  ['{ channelStatistics }', '{ channelStatistics, subset }'],
  ['run(test,', 'run(subset(test, 0, 1000),'],
] as const;

/**
 * The block as a module that exports `blockValues`: what it declares, and what is given to it. It imports the sources for the
 * package; of what is given, it has what it uses and does not declare.
 */
export function moduleOf({ code, runsIn }: CodeBlock, given: readonly string[], folder: string): string {
  const path = (file: string): string => `./${relative(folder, join(root, file))}`;
  const imported = code.replace(
    /from 'ic-networks(?:\/([\w-]+))?'/g,
    (_, subpath = 'index') => `from '${path(`src/${subpath}.js`)}'`,
  );
  const body = shortened.reduce((text, [long, short]) => text.replace(long, short), imported);
  const declared = declaredIn(code);
  const used = given.filter(
    (name) => new RegExp(`(?<!\\w|(?<!\\.\\.)\\.)${name}\\b(?!:)`).test(body) && !declared.includes(name),
  );
  const preamble = [
    `import { given } from '${path(`test/docs/${runsIn === 'node' ? 'given' : 'givenInBrowser'}.js`)}';`,
    `const { ${used.join(', ')} } = given();`,
  ];
  return `${preamble.join('\n')}\n${body}\nexport const blockValues = { ${[...used, ...declared].join(', ')} };\n`;
}

/** The names that a text declares at its top level; imports are none. */
function declaredIn(code: string): string[] {
  const names = (name: ts.BindingName): string[] =>
    ts.isIdentifier(name)
      ? [name.text]
      : name.elements.flatMap((element) => (ts.isBindingElement(element) ? names(element.name) : []));
  return ts
    .createSourceFile('block.ts', code, ts.ScriptTarget.Latest)
    .statements.filter(ts.isVariableStatement)
    .flatMap(({ declarationList }) => declarationList.declarations.flatMap(({ name }) => names(name)));
}
