import { FormatError, LimitError } from '../errors.js';
import { activationFunctions } from '../ops/activationFunctions.js';
import type { Layer, Network } from './network.js';
import { inferShapes } from './shapes.js';

type Check = (value: unknown) => boolean;

/** Of a network, ten times those of the deepest ones there are; and inputs of a layer. */
const mostLayers = 10_000;

const text: Check = (value) => typeof value === 'string';
const integer: Check = (value) => Number.isSafeInteger(value);
const number: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const flag: Check = (value) => typeof value === 'boolean';
const pair: Check = (value) => Array.isArray(value) && value.length === 2 && value.every(integer);
const padding: Check = (value) => pair(value) || (Array.isArray(value) && value.length === 4 && value.every(integer));
const window: Check = (value) => value === 'global' || pair(value);
const names: Check = (value) => Array.isArray(value) && value.length <= mostLayers && value.every(text);

const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);

/** A field that may be left out. */
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const adjust = oneOf('none', 'output', 'input');
const poolFields = { kernel: window, stride: pair, padding, ceilMode: optional(flag) };

/** The fields of each kind of layer besides name, kind and inputs. */
const layerFields: Readonly<Record<Layer['kind'], Readonly<Record<string, Check>>>> = {
  convolution: {
    outChannels: integer,
    kernel: pair,
    stride: pair,
    padding,
    dilation: pair,
    groups: integer,
    bias: flag,
    adjust,
    offset: optional(flag),
  },
  batchNorm: { epsilon: number, momentum: number },
  relu: { maximum: optional(number) },
  add: {},
  concat: {},
  maxPool: poolFields,
  meanPool: { ...poolFields, countPadding: optional(flag) },
  dense: { outFeatures: integer, bias: flag, adjust: optional(oneOf('none', 'output')), offset: optional(flag) },
  flatten: {},
  softmax: {},
  activation: { function: oneOf(...activationFunctions), slope: optional(number) },
  prelu: {},
  multiply: {},
  affine: {},
  slice: { start: integer, channels: integer },
  shuffle: { groups: integer },
  upsample: { factor: pair, mode: oneOf('nearest', 'bilinear'), alignCorners: optional(flag) },
  transposedConvolution: {
    outChannels: integer,
    kernel: pair,
    stride: pair,
    padding,
    outputPadding: pair,
    dilation: pair,
    groups: integer,
    bias: flag,
  },
  localResponseNorm: { size: integer, alpha: number, beta: number, k: number },
};

/**
 * A network from JSON that is not trusted; a network as JSON is just `JSON.stringify(network)`.
 *
 * @param where - the place in the file, for errors
 * @throws FormatError for a field that is missing, unknown or of another type, and for layers that do not fit together;
 * LimitError for more than 10,000 layers.
 */
export function parseNetwork(value: unknown, where: string): Network {
  const network = record(value, where, { name: text, input: isRecord, layers: Array.isArray });
  const input = record(network.input, `${where}.input`, { height: integer, width: integer, channels: integer });
  const given = network.layers as unknown[];
  if (given.length > mostLayers) {
    const expected = `at most ${mostLayers}`;
    throw new LimitError({ operation: 'network', parameter: `${where}.layers`, expected, got: `${given.length}` });
  }
  const layers = given.map((layer, index) => parseLayer(layer, `${where}.layers[${index}]`));
  const parsed = { name: network.name, input, layers } as unknown as Network;
  try {
    inferShapes(parsed, 1);
  } catch (error) {
    throw refusal(where, 'layers that fit together', (error as Error).message);
  }
  return parsed;
}

function parseLayer(value: unknown, where: string): Record<string, unknown> {
  const kind = isRecord(value) ? value.kind : undefined;
  const fields = Object.entries(layerFields).find(([name]) => name === kind)?.[1];
  if (!fields) throw refusal(`${where}.kind`, Object.keys(layerFields).join(', '), describeJson(kind));
  return record(value, where, { kind: text, name: text, inputs: names, ...fields });
}

/** An object with exactly the given fields. */
function record(value: unknown, where: string, fields: Readonly<Record<string, Check>>): Record<string, unknown> {
  if (!isRecord(value)) throw refusal(where, 'an object', typeof value);
  for (const name of Object.keys(value)) {
    if (!Object.hasOwn(fields, name)) throw refusal(where, `the fields ${Object.keys(fields).join(', ')}`, name);
  }
  for (const [name, check] of Object.entries(fields)) {
    const present = Object.hasOwn(value, name);
    if (!present && !check(undefined)) throw refusal(`${where}.${name}`, 'a value', 'none');
    if (present && !check(value[name])) throw refusal(`${where}.${name}`, `a ${name}`, describeJson(value[name]));
  }
  return value;
}

/** A value from a file. Nesting is not followed, as it may be deeper than the stack. */
export function describeJson(value: unknown): string {
  if (value === undefined) return 'nothing';
  const flat = !isObject(value) || !Object.values(value).some(isObject);
  if (flat) return JSON.stringify(value);
  return Array.isArray(value) ? `an array of ${value.length}` : 'an object';
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return isObject(value) && !Array.isArray(value);
}

function refusal(parameter: string, expected: string, got: string): FormatError {
  return new FormatError({ operation: 'network', parameter, expected, got });
}
