import type { Layer } from '../../graph/network.js';
import type { Shape } from '../../graph/shapes.js';
import { type GraphBuilder, integer } from './graphBuilder.js';

/** The output of a layer in the ONNX graph. */
export interface Tensor {
  readonly name: string;
  /** NHWC, as in the network. */
  readonly shape: Shape;
  /** Whether it is [N, C], as behind a dense layer; [N, C, H, W] otherwise. */
  readonly flat: boolean;
}

/** A layer, what it reads and what it is to make. */
export interface LayerContext<Kind extends Layer> {
  readonly builder: GraphBuilder;
  readonly layer: Kind;
  readonly inputs: readonly Tensor[];
  /** The output's name in the graph, and its shape in the network. */
  readonly output: string;
  readonly shape: Shape;
}

/** A constant of sizes for Reshape, where 0 stands for that of the input, the batch. */
export function sizes(builder: GraphBuilder, ...values: readonly number[]): string {
  return builder.constant(`shape.${values.join('x')}`, [values.length], BigInt64Array.from(values, BigInt));
}

/** The tensor as [N, C, H, W], for a layer. */
export function asImage(builder: GraphBuilder, { name, flat }: Tensor, layer: string): string {
  if (!flat) return name;
  const axes = builder.constant('axes.2-3', [2], BigInt64Array.of(2n, 3n));
  return builder.node({ type: 'Unsqueeze', inputs: [name, axes] }, builder.claim(`${layer}/Unsqueeze`));
}

/** The tensor as [N, C H W], for a layer. */
export function asRow(builder: GraphBuilder, { name, flat }: Tensor, layer: string): string {
  if (flat) return name;
  return builder.node(
    { type: 'Flatten', inputs: [name], attributes: { axis: integer(1) } },
    builder.claim(`${layer}/Flatten`),
  );
}

/** Tensors that are joined, all as rows where one of them is: it is of one pixel, and so are the others. */
export function alike(builder: GraphBuilder, inputs: readonly Tensor[], layer: string) {
  const flat = inputs.some((input) => input.flat);
  return { flat, names: inputs.map((input) => (flat ? asRow(builder, input, layer) : input.name)) };
}
