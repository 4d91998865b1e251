import type { Layer, Pair, UpsampleLayer } from '../../graph/network.js';
import { axesFrom, floatsAttribute, integersAttribute, textAttribute } from '../attributes.js';
import type { Size } from '../fold/numberArrays.js';
import {
  type Activation,
  activationOf,
  addLayer,
  floatsInput,
  hasInput,
  type ImportState,
  layerName,
  setActivation,
  setOutput,
  shapeOf,
  sizesInput,
  sizesOf,
  sizesText,
} from '../importState.js';
import { malformed, unsupported } from '../modelFile.js';
import type { Node } from '../node.js';
import { axisAlong, movedView } from '../views.js';

/** What an output pixel reads along an axis: its place in the input, which may lie between pixels. */
interface Sampling {
  readonly place: (index: number, size: number, outputs: number) => number;
  readonly round: (place: number) => number;
}

/** Pixels along an axis that are looked at one by one. */
const mostPixels = 2 ** 20;

/** Resize and Upsample to a multiple of the size, where the pixels are those of an upsampling layer. */
export function importResize(state: ImportState, node: Node): void {
  const input = activationOf(state, node, 0);
  const mode = textAttribute(node, 'mode', 'nearest');
  if (!['nearest', 'linear', 'bilinear'].includes(mode)) {
    throw unsupported(`${node.place}, mode`, 'nearest or linear', mode.slice(0, 80));
  }
  const shape = shapeOf(state, input);
  const factors = factorsOf(state, node, input);
  const axes = [axisAlong(input.view, shape, 'height'), axisAlong(input.view, shape, 'width')];
  if (factors.some((factor, axis) => factor !== 1 && !axes.includes(axis))) {
    const got = `[${factors}] of ${sizesText(state, input)}`;
    throw unsupported(`${node.place}, scales`, 'those of height and width', got);
  }
  const factor = axes.map((axis) => factors[axis] ?? 1) as unknown as Pair;
  if (factor.every((one) => one === 1)) {
    setOutput(state, node, input);
    return;
  }
  const fields = upsampling(state, node, [shape[1], shape[2]], factor, mode === 'nearest' ? 'nearest' : 'bilinear');
  const name = layerName(state, node);
  const layer: Layer = { kind: 'upsample', name, inputs: [input.layer], factor, ...fields };
  setActivation(state, node, name, movedView(input.view, addLayer(state, node, layer)));
}

/** How much larger each axis becomes. */
function factorsOf(state: ImportState, node: Node, input: Activation): readonly number[] {
  const rank = input.view.length;
  const given = integersAttribute(node, 'axes') ?? input.view.map((_, axis) => axis);
  const axes = given.map((axis) => (axis < 0 ? axis + rank : axis));
  if (axesFrom(`${node.place}, axes`, given, rank).length !== given.length) {
    throw malformed(`${node.place}, axes`, 'every axis once', `[${given.slice(0, 8)}]`);
  }
  const asked = askedFactors(
    state,
    node,
    axes.map((axis) => sizesOf(state, input)[axis]),
  );
  if (asked.length !== axes.length) {
    throw malformed(`${node.place}, scales`, `${axes.length} of them`, `${asked.length}`);
  }
  const strange = asked.find((factor) => !Number.isSafeInteger(factor) || factor < 1);
  if (strange !== undefined) {
    throw unsupported(`${node.place}, scales`, 'whole factors of at least 1', `[${asked.slice(0, 8)}]`);
  }
  return input.view.map((_, axis) => asked[axes.indexOf(axis)] ?? 1);
}

/** @param own the sizes that become larger */
function askedFactors(state: ImportState, node: Node, own: readonly (Size | undefined)[]): readonly number[] {
  const fromAttribute = floatsAttribute(node, 'scales');
  if (fromAttribute) return fromAttribute;
  const index = state.opset < 11 ? 1 : 2;
  const scales = isGiven(state, node, index) ? floatsInput(state, node, index).values : undefined;
  if (scales) return Array.from(scales);
  if (state.opset < 11 || !isGiven(state, node, 3)) throw malformed(`${node.place}, scales`, 'factors', 'none');
  const policy = textAttribute(node, 'keep_aspect_ratio_policy', 'stretch');
  if (policy !== 'stretch') {
    throw unsupported(`${node.place}, keep_aspect_ratio_policy`, 'stretch', policy.slice(0, 80));
  }
  const sizes = sizesInput(state, node, 3);
  if (sizes.length !== own.length) throw malformed(`${node.place}, sizes`, `${own.length} of them`, `${sizes.length}`);
  return sizes.map((size, axis) => (size === own[axis] ? 1 : Number(size) / Number(own[axis])));
}

/** Older versions have an empty tensor for what is not given. */
function isGiven(state: ImportState, node: Node, index: number): boolean {
  if (!hasInput(node, index)) return false;
  const value = state.values.get(node.proto.input[index]!);
  return !(value?.kind === 'constant' && value.tensor.dims.some((size) => size === 0n));
}

/** The layer whose pixels are those of the node. */
function upsampling(
  state: ImportState,
  node: Node,
  size: Pair,
  factor: Pair,
  mode: UpsampleLayer['mode'],
): Pick<UpsampleLayer, 'mode' | 'alignCorners'> {
  const sampling = samplingOf(state, node);
  const outputs = size.map((length, axis) => length * factor[axis]!);
  if (outputs.some((length) => length > mostPixels)) {
    throw unsupported(node.place, `at most ${mostPixels} pixels along an axis`, `[${outputs}]`);
  }
  const agrees = (place: Sampling['place'], round: Sampling['round'] = (own) => own): boolean =>
    size.every((length, axis) => {
      const within = (own: number): number => Math.min(Math.max(own, 0), length - 1);
      const count = outputs[axis]!;
      const isAt = (index: number): boolean => {
        const [own, other] = [place(index, length, count), sampling.place(index, length, count)];
        const [first, second] = [within(round(own)), within(mode === 'nearest' ? sampling.round(other) : other)];
        return Math.abs(first - second) <= 1e-6 * length;
      };
      return Array.from({ length: count }, (_, index) => index).every(isAt);
    });
  if (mode === 'nearest' && agrees(places.asymmetric!, Math.floor)) return { mode };
  if (mode === 'bilinear' && agrees(places.half_pixel!)) return { mode };
  if (mode === 'bilinear' && agrees(places.align_corners!)) return { mode, alignCorners: true };
  const expected = mode === 'nearest' ? 'the pixel that each lies in' : 'half_pixel or align_corners';
  const how = [coordinatesOf(state, node), ...(mode === 'nearest' ? [nearestOf(state, node)] : [])].join(', ');
  throw unsupported(`${node.place}, coordinate_transformation_mode`, expected, `${how} at factors [${factor}]`);
}

const places: Readonly<Record<string, Sampling['place']>> = {
  asymmetric: (index, size, outputs) => (index * size) / outputs,
  half_pixel: (index, size, outputs) => ((index + 0.5) * size) / outputs - 0.5,
  // With whole factors there is nothing to make symmetric.
  half_pixel_symmetric: (index, size, outputs) => ((index + 0.5) * size) / outputs - 0.5,
  pytorch_half_pixel: (index, size, outputs) => (outputs > 1 ? ((index + 0.5) * size) / outputs - 0.5 : 0),
  align_corners: (index, size, outputs) => (outputs > 1 ? (index * (size - 1)) / (outputs - 1) : 0),
  tf_half_pixel_for_nn: (index, size, outputs) => ((index + 0.5) * size) / outputs,
};

const roundings: Readonly<Record<string, Sampling['round']>> = {
  round_prefer_floor: (place) => Math.ceil(place - 0.5),
  round_prefer_ceil: (place) => Math.floor(place + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

function samplingOf(state: ImportState, node: Node): Sampling {
  const [coordinates, nearest] = [coordinatesOf(state, node), nearestOf(state, node)];
  const place = Object.hasOwn(places, coordinates) ? places[coordinates] : undefined;
  const round = Object.hasOwn(roundings, nearest) ? roundings[nearest] : undefined;
  if (!place) {
    const expected = Object.keys(places).join(', ');
    throw unsupported(`${node.place}, coordinate_transformation_mode`, expected, coordinates.slice(0, 80));
  }
  if (!round) throw malformed(`${node.place}, nearest_mode`, Object.keys(roundings).join(', '), nearest.slice(0, 80));
  return { place, round };
}

function coordinatesOf({ opset }: ImportState, node: Node): string {
  return textAttribute(node, 'coordinate_transformation_mode', opset < 11 ? 'asymmetric' : 'half_pixel');
}

function nearestOf({ opset }: ImportState, node: Node): string {
  return textAttribute(node, 'nearest_mode', opset < 11 ? 'floor' : 'round_prefer_floor');
}
