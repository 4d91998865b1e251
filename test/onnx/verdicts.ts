import type { NodeProto, TensorProto, ValueInfoProto } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { FormatError, UnsupportedError } from '../../src/errors.js';
import { decodeOnnx } from '../../src/onnx.js';
import { networkForward } from '../reference/network.js';
import { uniform } from '../support/random.js';
import { distance } from '../support/rounding.js';
import { boolean, floats, integer, integers, modelOf, tensor } from './models.js';
import { runOnnx } from './runtime.js';

/*
 * What every version of the operators makes of small models, here and in ONNX Runtime.
 */

/** What becomes of a model: the numbers of ONNX Runtime, a refusal although that runs it, or that of a file that it refuses, too. */
export type Verdict = 'read' | 'refused' | 'broken';

/** A model of two images `x` [2, 2, 4, 5], and its verdict from a version of the operators on. */
export interface Case {
  readonly what: string;
  readonly nodes: readonly NodeProto[];
  readonly verdicts: Readonly<Record<number, Verdict>>;
  readonly inputs?: readonly ValueInfoProto[];
}

const versions = { oldest: 7, newest: 25 };
const images = 2;
const size = { height: 4, width: 5, channels: 2 };

/** The constants that nodes read by name. */
const constants: readonly TensorProto[] = [
  floats('filters', [3, 2, 3, 3]),
  floats('grouped', [4, 1, 2, 2]),
  floats('whole', [40, 2, 4, 5]),
  floats('volumes', [3, 2, 1, 3, 3]),
  floats('none', [0, 2, 3, 3]),
  floats('bias', [3]),
  ...['scale', 'shift', 'mean', 'variance'].map((name) => floats(name, [2])),
  ...['scale', 'shift', 'mean', 'variance'].map((name) => floats(`${name}40`, [40])),
  ...['scale', 'shift', 'mean', 'variance'].map((name) => floats(`${name}2x4x5`, [2, 4, 5])),
  floats('matrix', [40, 3]),
  floats('turned', [3, 40]),
  floats('two', [2, 3]),
  floats('list40', [40]),
  floats('one', []),
  floats('row', [1, 3]),
  floats('column', [2, 1]),
  floats('four', [4]),
  floats('cube', [1, 1, 3]),
  floats('zero', [], { values: [0] }),
  floats('low', [], { values: [-0.2] }),
  floats('channel', [2, 1, 1], { values: [0.5, -2] }),
  floats('slopes', [2, 1, 1], { values: [0.5, -0.25] }),
  floats('elements', [1, 2, 4, 5]),
  floats('upward', [2, 3, 3, 2]),
  floats('doubled', [4], { values: [1, 1, 2, 2] }),
  floats('tripled', [4], { values: [1, 1, 1, 3] }),
  floats('halved', [4], { values: [1, 1, 0.5, 0.5] }),
  floats('empty', [0]),
  floats('3', [], { values: [3] }),
  floats('6', [], { values: [6] }),
  floats('1', [], { values: [1] }),
  floats('root2', [], { values: [Math.SQRT2] }),
  floats('5x3', [5, 3]),
  floats('2x3', [2, 3]),
  floats('1/255', [], { values: [1 / 255] }),
  floats('half', [], { values: [0.5] }),
  floats('infinite', [], { values: [Number.POSITIVE_INFINITY] }),
  integer('index0', 0),
  integer('index-4', -4),
  integers('[0]', [0]),
  integers('[-1]', [-1]),
  integers('[0,0]', [0, 0]),
  integers('[2]', [2]),
  integers('[1]', [1]),
  integers('[3]', [3]),
  integers('[4]', [4]),
  integers('[1,1]', [1, 1]),
  integers('[2,3]', [2, 3]),
  integers('[-1,2]', [-1, 2]),
  integers('[3,3]', [3, 3]),
  integers('[]', []),
  integers('[0,-1]', [0, -1]),
  integers('[-1,40]', [-1, 40]),
  integers('[-1,20]', [-1, 20]),
  integers('[2,40]', [2, 40]),
  integers('[4,20]', [4, 20]),
  integers('[0,21]', [0, 21]),
  integers('[-1,-1]', [-1, -1]),
  integers('[0,2,4,5]', [0, 2, 4, 5]),
  integers('[0,2,-1,5]', [0, 2, -1, 5]),
  integers('[0,40,1,1]', [0, 40, 1, 1]),
  integers('[0,4,2,5]', [0, 4, 2, 5]),
  integers('[0,8,5]', [0, 8, 5]),
  integers('around', [0, 0, 1, 2, 0, 0, 1, 2]),
  integers('beside', [0, 0, 0, 1, 0, 0, 0, 0]),
  integers('less', [0, 0, 0, -1, 0, 0, 0, -1]),
  integers('channels', [0, 1, 0, 0, 0, 0, 0, 0]),
  integers('[1,2,1,2]', [1, 2, 1, 2]),
  boolean('false', false),
  boolean('true', true),
];

/** What a model is, its nodes, its verdicts and, where they are not `x` of any number, its inputs. */
export type Row = readonly [
  what: string,
  nodes: readonly NodeProto[],
  verdicts: Case['verdicts'],
  inputs?: Case['inputs'],
];

export const always = (verdict: Verdict): Case['verdicts'] => ({ 7: verdict });
export const until = (version: number): Case['verdicts'] => ({ 7: 'read', [version]: 'broken' });
export const from = (version: number, verdict: Verdict = 'read'): Case['verdicts'] => ({
  7: 'broken',
  [version]: verdict,
});

/** The file of a case, with the constants that it reads. */
function fileOf(
  { nodes, inputs = [tensor('x', ['N', 2, 4, 5])] }: Case,
  opset: number,
  more: readonly TensorProto[],
): Uint8Array {
  const read = new Set(nodes.flatMap(({ input }) => input));
  const made = new Set(nodes.flatMap(({ output }) => output));
  return modelOf({
    nodes,
    constants: [...constants, ...more].filter(({ name }) => read.has(name) && !made.has(name)),
    inputs,
    outputs: [tensor(nodes.at(-1)!.output[0]!)],
    opset,
  });
}

const pictures = uniform(images * 2 * 4 * 5, 1);

async function runtimeValues(file: Uint8Array): Promise<Float32Array | Error> {
  try {
    return (await runOnnx(file, size, pictures)).values;
  } catch (error) {
    return error as Error;
  }
}

async function expectVerdict(verdict: Verdict, file: Uint8Array, label: string): Promise<void> {
  const expected = await runtimeValues(file);
  if (verdict === 'broken') {
    expect(expected, `${label}: ONNX Runtime`).toBeInstanceOf(Error);
    expect(() => decodeOnnx(file), label).toThrow(FormatError);
    return;
  }
  if (expected instanceof Error) throw new Error(`${label}: ONNX Runtime refuses it`, { cause: expected });
  if (verdict === 'refused') {
    expect(() => decodeOnnx(file), label).toThrow(UnsupportedError);
    expect(() => decodeOnnx(file), label).toThrow(
      /: file\.onnx, (node "\w+" \(\w+\)|tensor "\w+"|graph output "\w+").*: expected .+, got .+/,
    );
    return;
  }
  const { network, values } = decodeOnnx(file);
  const { logits } = networkForward(network, values, pictures, { training: false });
  expect(logits, label).toHaveLength(expected.length);
  const largest = distance(expected, new Float32Array(expected.length));
  expect(distance(logits, expected), label).toBeLessThan(1e-6 * Math.max(1, largest));
}

/**
 * A test for every model of a table.
 *
 * @param more constants that nodes read by name
 */
export function testVerdicts(table: Readonly<Record<string, readonly Row[]>>, more: readonly TensorProto[] = []): void {
  const cases = Object.entries(table).flatMap(([operator, rows]) =>
    rows.map(([what, nodes, verdicts, inputs]): Case & { operator: string } => {
      return { operator, what, nodes, verdicts, ...(inputs && { inputs }) };
    }),
  );

  describe.each(cases)('$operator, $what', (given) => {
    it('is in every version what it is to ONNX Runtime', async () => {
      let verdict: Verdict | undefined;
      for (let opset = versions.oldest; opset <= versions.newest; opset++) {
        verdict = given.verdicts[opset] ?? verdict;
        if (verdict) await expectVerdict(verdict, fileOf(given, opset, more), `version ${opset}`);
      }
    });
  });
}
