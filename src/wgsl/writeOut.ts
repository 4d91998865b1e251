import { UnsupportedError } from '../errors.js';
import { evaluateConstant } from './constants.js';

type Values = ReadonlyMap<string, number>;

/** A marked loop or the head of a branch. */
const construct =
  /\/\* ?unroll( once)? ?\*\/ ?(for ?\(var (\w+) ?= ?([^;]+); ?\3 ?< ?([^;=]+); ?\3(?:\+\+| ?\+= ?([^)]+))\) ?\{)|\bif ?\(([^{};]+)\) ?\{/;

/**
 * A kernel's text with its marked loops written out, and of the branches that constants decide just the one that is taken.
 * The text is a valid kernel without this. Not every driver unrolls a loop with constant bounds, and where it is left rolled an
 * array indexed by its counter lies in memory instead of registers (measured on SwiftShader: five to seven times slower); and
 * every driver takes time for what it drops in the end.
 *
 * Each turn of a loop behind `/* unroll *\/` becomes a block in which the counter is a `const`, so the compiler sees every
 * index. `/* unroll once *\/` writes out a loop that is known to have one turn, and leaves others: what a loop carries
 * from turn to turn has its price there, too.
 *
 * @throws UnsupportedError for a loop's bound that is not a constant.
 */
export function writeOut(text: string, values: Values): string {
  const match = construct.exec(text);
  if (!match) return text;
  const before = text.slice(0, match.index);
  const start = match.index + match[0].length;
  const [, , head, , , , , condition] = match;
  if (head !== undefined) {
    const end = matchingBrace(text, start);
    return before + writeOutLoop(match, text.slice(start, end), values) + writeOut(text.slice(end + 1), values);
  }
  const taken = evaluateConstant(condition!, values);
  if (taken === undefined) return before + match[0] + writeOut(text.slice(start), values);
  return before + writeOut(takenBranch(text, start, taken !== 0), values);
}

function writeOutLoop(match: RegExpExecArray, body: string, values: Values): string {
  const [, once, head, counter, first, limit, step = '1u'] = match;
  if (once && evaluateConstant(limit!, values) === undefined) return `${head}${writeOut(body, values)}}`;
  const [from, to, by] = [first!, limit!, step].map((bound) => constantBound(bound, values)) as [
    number,
    number,
    number,
  ];
  if (once && to - from > by) return `${head}${writeOut(body, values)}}`;
  const turns: string[] = [];
  for (let value = from; value < to; value += by) {
    turns.push(`{ const ${counter} = ${value}u;${writeOut(body, new Map(values).set(counter!, value))}}`);
  }
  return turns.join('\n');
}

/** The text from a decided branch on, whose block starts at `start`, without what is never run. */
function takenBranch(text: string, start: number, taken: boolean): string {
  const end = matchingBrace(text, start);
  let rest = text.slice(end + 1);
  if (!taken) return rest.replace(/^\s*else\b/, '');
  let other = /^\s*else[^{]*\{/.exec(rest);
  while (other) {
    rest = rest.slice(matchingBrace(rest, other[0].length) + 1);
    other = /^\s*else[^{]*\{/.exec(rest);
  }
  return `{${text.slice(start, end)}}${rest}`;
}

function constantBound(bound: string, values: Values): number {
  const value = evaluateConstant(bound, values);
  if (value !== undefined) return value;
  throw new UnsupportedError({ operation: 'unroll', parameter: 'loop bound', expected: 'a constant', got: bound });
}

function matchingBrace(text: string, start: number): number {
  let depth = 1;
  for (let position = start; position < text.length; position++) {
    if (text[position] === '{') depth++;
    else if (text[position] === '}' && --depth === 0) return position;
  }
  throw new UnsupportedError({
    operation: 'unroll',
    parameter: 'loop body',
    expected: 'a closing brace',
    got: 'the end of the text',
  });
}
