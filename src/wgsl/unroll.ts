import { UnsupportedError } from '../errors.js';
import { evaluateConstant } from './constants.js';

const marker = /\/\* unroll \*\/ for \(var (\w+) = ([^;]+); \1 < ([^;]+); \1(?:\+\+| \+= ([^)]+))\) \{/;

/**
 * Writes out the loops that a kernel marks with an unroll comment ahead of `for`; the text is a valid kernel without
 * this. Not every driver unrolls a loop with constant bounds, and where it is left rolled an array indexed by its
 * counter lies in memory instead of registers (measured on SwiftShader: five to seven times slower). Each turn becomes
 * a block in which the counter is a `const`, so the compiler sees every index.
 *
 * @throws UnsupportedError for a bound that is not a constant.
 */
export function unrollLoops(text: string, values: ReadonlyMap<string, number>): string {
  const match = marker.exec(text);
  if (!match) return text;
  const [head, counter, first, limit, step = '1u'] = match as unknown as [string, string, string, string, string?];
  const bodyStart = match.index + head.length;
  const bodyEnd = matchingBrace(text, bodyStart);
  const body = text.slice(bodyStart, bodyEnd);
  const [from, to, by] = [first, limit, step].map((bound) => constantBound(bound, values)) as [number, number, number];
  const turns: string[] = [];
  for (let value = from; value < to; value += by) {
    const inner = unrollLoops(body, new Map(values).set(counter, value));
    turns.push(`{ const ${counter} = ${value}u;${inner}}`);
  }
  return text.slice(0, match.index) + turns.join('\n') + unrollLoops(text.slice(bodyEnd + 1), values);
}

function constantBound(bound: string, values: ReadonlyMap<string, number>): number {
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
