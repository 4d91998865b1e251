import type { GraphProto, NodeProto } from 'onnx-buf';
import type { Layer } from '../graph/network.js';
import { type Activation, described, type ImportState, shapeOf, tensorValue } from './importState.js';
import { asImage, orderText, rowOf } from './materialise.js';
import { misfitting, quoted, unsupported } from './modelFile.js';
import type { Node } from './node.js';
import { isOfWholes, isWhole, shortest } from './views.js';

/** What a graph becomes. */
export interface GraphOutputs {
  /** The layers that outputs depend on, that of the first output the last. */
  readonly layers: readonly Layer[];
  /** The layer of each output, by the name that it has in the graph. */
  readonly outputs: ReadonlyMap<string, string>;
}

/** The names of the tensors that the network ends in: those asked for, else the graph's outputs. */
export function outputNames({ output }: GraphProto, asked: string | readonly string[] | undefined): readonly string[] {
  return asked === undefined ? output.map(({ name }) => name) : [asked].flat();
}

/**
 * The layers that outputs depend on.
 *
 * @throws UnsupportedError for an output that no layer makes, and for several ones of which the first is an input to others
 */
export function graphOutputs(state: ImportState, names: readonly string[], isAsked: boolean): GraphOutputs {
  const where = isAsked ? 'output' : `${state.file}, graph output`;
  if (names.length === 0) throw unsupported(where, 'at least one', 'none');
  const missing = isAsked ? names.find((name) => !state.values.has(name)) : undefined;
  if (missing !== undefined) throw misfitting(where, 'a tensor of the graph', quoted(missing));
  const outputs = new Map(names.map((name) => [name, outputLayer(state, name, `${where} ${quoted(name)}`)]));
  const [first] = outputs.values() as Iterable<string> as unknown as [string];
  const living = new Set(outputs.values());
  for (const { name, inputs } of state.layers.toReversed()) {
    if (living.has(name)) for (const input of inputs) living.add(input);
  }
  const layers = state.layers.filter(({ name }) => living.has(name));
  const last = layers.find(({ name }) => name === first)!;
  const reader = layers.find(({ inputs }) => inputs.includes(first));
  if (reader) {
    const expected = `one of ${names.slice(0, 16).map(quoted).join(', ')} by the option \`output\`, or several, the last one first`;
    throw unsupported(where, expected, `${quoted(names[0]!)} first, which ${quoted(reader.name)} reads`);
  }
  return { layers: [...layers.filter((layer) => layer !== last), last], outputs };
}

/** The layer whose output is a tensor of the graph, or its pixels in another order of axes. */
function outputLayer(state: ImportState, name: string, place: string): string {
  const given = tensorValue(state, name, place);
  const expected = 'what a layer makes of the images';
  if (given.kind !== 'activation') throw unsupported(place, expected, described[given.kind]);
  if (given.padding) throw unsupported(place, expected, 'what a Pad makes, which only windows take in');
  const { layer } = inOrder(state, { proto: {} as NodeProto, place }, given);
  if (layer === 'input') throw unsupported(place, expected, 'the images themselves');
  return layer;
}

function inOrder(state: ImportState, node: Node, value: Activation): Activation {
  const { view } = value;
  const shape = shapeOf(state, value);
  const [images = [], ...axes] = view;
  const expected = 'images, or a row an image';
  if (!isWhole(images, shape, 'batch')) throw unsupported(node.place, expected, orderText(state, value));
  const isMixed = axes.some((axis) => {
    const dimensions = new Set(shortest(axis).map(({ dimension }) => dimension));
    return dimensions.has('channels') && dimensions.size > 1;
  });
  if (isOfWholes(view, shape) && !isMixed) return value;
  // A row of pixels one after the other is what lies in memory.
  if (axes.length === 1 && isWhole(axes[0]!, shape, 'height', 'width', 'channels')) return value;
  if (axes.length === 1) return rowOf(state, node, value);
  if (axes.length === 3) return asImage(state, node, 0, value);
  throw unsupported(node.place, expected, orderText(state, value));
}
