import type { ActivationFunction } from '../graph/network.js';
import { floatAttribute, textAttribute } from './attributes.js';
import { binaryOperators, erf, unaryOperators } from './fold/foldElements.js';
import { arrayOf } from './fold/numberArrays.js';
import { hasInput, type ImportState, type Value } from './importState.js';
import type { Node } from './node.js';
import { placeOfTensor } from './tensorValues.js';

/*
 * Exporters write activations out in many ways: x * sigmoid(x), x * clip(x + 3, 0, 6) / 6, 0.5 x (1 + erf(x / sqrt 2)). All of them are
 * functions of one number, so they are recognised by what they make of some numbers.
 */

/** A tensor as a function of another one, element by element: what it makes of {@link points}. */
export interface Formula {
  /** The name of that other tensor. */
  readonly source: string;
  readonly results: Float64Array;
  /** Nodes on the way. */
  readonly steps: number;
}

/** Where functions of several numbers of nodes show what they are. */
const points = Float64Array.from([
  ...Array.from({ length: 97 }, (_, index) => (index - 48) / 4),
  ...[-1e6, -1000, -50, -20, -0.01, 0.01, 20, 50, 1000, 1e6],
]);
/** Formulas through more nodes are not followed, nor those of more tensors than networks have. */
const mostSteps = 12;
const mostTensors = 10_000;

/** A function of networks, by its layer's fields. */
export type Recognised =
  | { readonly kind: 'activation'; readonly function: ActivationFunction; readonly slope?: number }
  | { readonly kind: 'relu'; readonly maximum?: number };

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const clipped = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);
const gelu = (x: number): number => 0.5 * x * (1 + erf(x / Math.SQRT2));

/** Operators of one number that are made of others, with their attributes. */
const composed: Readonly<Record<string, (node: Node, opset: number) => ((x: number) => number) | undefined>> = {
  Clip: (node, opset) => {
    if (opset >= 11) return undefined;
    const [low, high] = [floatAttribute(node, 'min', Number.NEGATIVE_INFINITY), floatAttribute(node, 'max', Infinity)];
    return (x) => clipped(x, low, high);
  },
  Gelu: (node) => (textAttribute(node, 'approximate', 'none') === 'none' ? gelu : undefined),
  HardSigmoid: (node) => {
    const [alpha, beta] = [floatAttribute(node, 'alpha', 0.2), floatAttribute(node, 'beta', 0.5)];
    return (x) => clipped(alpha * x + beta, 0, 1);
  },
  HardSwish: () => (x) => x * clipped(x / 6 + 0.5, 0, 1),
  LeakyRelu: (node) => {
    const alpha = floatAttribute(node, 'alpha', 0.01);
    return (x) => (x < 0 ? alpha * x : x);
  },
  Relu: () => (x) => Math.max(x, 0),
  Sigmoid: () => sigmoid,
  Softplus: () => (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  Tanh: () => Math.tanh,
};

/** Notes what a node's output is as a function of each tensor that it is one of. */
export function noteFormulas(state: ImportState, node: Node): void {
  const [output = ''] = node.proto.output;
  const combine = functionOf(state, node);
  const count = node.proto.input.length;
  if (!combine || output === '' || count === 0 || count > 3 || state.formulas.size >= mostTensors) return;
  const operands = node.proto.input.map((_, index) => operandOf(state, node, index));
  if (operands.some((operand) => operand === undefined)) return;
  const known = operands as readonly (number | readonly Formula[])[];
  const sources = known.find((operand) => typeof operand !== 'number') as readonly Formula[] | undefined;
  const formulas = (sources ?? []).flatMap(({ source }) => composedFormula(source, known, combine) ?? []);
  if (formulas.length > 0) state.formulas.set(output, formulas);
}

function composedFormula(
  source: string,
  operands: readonly (number | readonly Formula[])[],
  combine: (...values: number[]) => number,
): Formula | undefined {
  const own = operands.map((operand) =>
    typeof operand === 'number' ? operand : operand.find((formula) => formula.source === source),
  );
  if (own.includes(undefined)) return undefined;
  const given = own as readonly (number | Formula)[];
  const steps = 1 + given.reduce<number>((sum, operand) => sum + (typeof operand === 'number' ? 0 : operand.steps), 0);
  if (steps > mostSteps) return undefined;
  const results = points.map((_, index) =>
    combine(...given.map((operand) => (typeof operand === 'number' ? operand : operand.results[index]!))),
  );
  return { source, results, steps };
}

/** What a node makes of its inputs, where that is a function of numbers. */
function functionOf({ opset }: ImportState, node: Node): ((...values: number[]) => number) | undefined {
  const { opType } = node.proto;
  if (opType === 'Clip' && opset >= 11)
    return (x, low = Number.NEGATIVE_INFINITY, high = Infinity) => clipped(x, low, high);
  if (Object.hasOwn(composed, opType)) return composed[opType]!(node, opset);
  if (Object.hasOwn(unaryOperators, opType)) return unaryOperators[opType];
  const binary = Object.hasOwn(binaryOperators, opType) ? binaryOperators[opType] : undefined;
  return binary && ((...values) => values.reduce(binary));
}

/** An input as one number, or as functions of tensors, itself the last of them. */
function operandOf(state: ImportState, node: Node, index: number): number | readonly Formula[] | undefined {
  if (!hasInput(node, index)) return node.proto.opType === 'Clip' && index === 1 ? Number.NEGATIVE_INFINITY : undefined;
  const name = node.proto.input[index]!;
  const value = state.values.get(name);
  const formulas = state.formulas.get(name) ?? [];
  if (value?.kind === 'constant') return numberOf(state, name, value);
  if (value?.kind === 'refused') return formulas.length > 0 ? formulas : undefined;
  if (value?.kind !== 'activation' || value.padding) return undefined;
  return [...formulas, { source: name, results: points, steps: 0 }];
}

function numberOf(
  state: ImportState,
  name: string,
  { tensor }: Extract<Value, { kind: 'constant' }>,
): number | undefined {
  if (tensor.dims.some((size) => size !== 1n)) return undefined;
  const { type, values } = arrayOf(tensor, placeOfTensor(state.file, name));
  return type === 'float' && values.length === 1 ? (values[0] as number) : undefined;
}

/** The function of networks that a tensor is of another one, written out in several nodes; of the furthest one that it is. */
export function recognise(state: ImportState, node: Node): (Recognised & { readonly source: string }) | undefined {
  // Functions of functions that there are as layers remain so.
  if (![node, state.producers.get(node.proto.input[0] ?? '')].some((one) => one && isArithmetic(one))) return undefined;
  for (const { source, results, steps } of state.formulas.get(node.proto.output[0] ?? '') ?? []) {
    const found = steps > 1 && state.values.get(source)?.kind === 'activation' ? functionNamed(results) : undefined;
    if (found) return { ...found, source };
  }
  return undefined;
}

function isArithmetic({ proto: { opType } }: Node): boolean {
  return Object.hasOwn(unaryOperators, opType) || Object.hasOwn(binaryOperators, opType);
}

function functionNamed(results: Float64Array): Recognised | undefined {
  const at = (x: number): number => results[points.indexOf(x)]!;
  const maximum = at(1e6);
  const slope = Number(((at(0.01) - at(-0.01)) / 0.02).toPrecision(6));
  const leak = Number((-at(-1)).toPrecision(6));
  const isBounded = maximum > 0 && Number.isFinite(maximum);
  const candidates: readonly (readonly [Recognised, (x: number) => number])[] = [
    [{ kind: 'relu' }, (x) => Math.max(x, 0)],
    ...(isBounded ? [[{ kind: 'relu', maximum }, (x: number) => clipped(x, 0, maximum)] as const] : []),
    [{ kind: 'activation', function: 'sigmoid' }, sigmoid],
    [{ kind: 'activation', function: 'silu' }, (x) => x * sigmoid(x)],
    [{ kind: 'activation', function: 'hardSwish' }, (x) => (x * clipped(x + 3, 0, 6)) / 6],
    [{ kind: 'activation', function: 'tanh' }, Math.tanh],
    [{ kind: 'activation', function: 'gelu' }, gelu],
    [{ kind: 'activation', function: 'hardSigmoid' }, (x) => clipped(x / 6 + 0.5, 0, 1)],
    [{ kind: 'activation', function: 'hardSigmoid', slope }, (x) => clipped(slope * x + 0.5, 0, 1)],
    ...(leak === 1
      ? []
      : [[{ kind: 'activation', function: 'leakyRelu', slope: leak }, (x: number) => (x < 0 ? leak * x : x)] as const]),
  ];
  const largest = points.reduce(
    (most, x, index) => (Math.abs(x) > 10 ? most : Math.max(most, Math.abs(results[index]!))),
    0,
  );
  return candidates.find(([, f]) => points.every((x, index) => isClose(results[index]!, f(x), largest)))?.[0];
}

/** Constants in files are rounded to float32; `largest` is what the function has near 0 at most. */
function isClose(got: number, expected: number, largest: number): boolean {
  return Math.abs(got - expected) <= 1e-6 * Math.max(Math.min(1, largest), Math.abs(expected));
}
