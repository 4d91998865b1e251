import { isICUnit, type Layer, type Network, type UnitLayer } from '../graph/network.js';
import { elementCount, networkParameters } from '../graph/parameters.js';
import { inferShapes, type Shape } from '../graph/shapes.js';

/** One layer, counted for one image. */
export interface LayerSummary {
  /** The layer's. */
  readonly name: string;
  /** The layer's. */
  readonly kind: Layer['kind'];
  /** Of the output, NHWC. */
  readonly shape: Shape;
  /** Trainable elements, `adjust` and `offset` among them; running statistics are not counted. */
  readonly parameters: number;
  /** Of the whole batch; see `summarise`. */
  readonly multiplyAdds: number;
}

/** A network, counted layer by layer for one image. */
export interface NetworkSummary {
  /** The network's. */
  readonly name: string;
  /** In the network's order. */
  readonly layers: readonly LayerSummary[];
  /** Trainable elements of all layers. */
  readonly parameters: number;
  /** Of all layers. */
  readonly multiplyAdds: number;
}

/**
 * What a network holds and costs, layer by layer and in all. Multiply-adds are those of convolutions, transposed
 * ones too, and dense layers; an IC unit adds one for each addition of its window sums (shared by the filters of a group)
 * and one for each output; an offset, like a bias, none. All other layers count nothing, as is usual.
 *
 * @param batch - images in the batch
 * @throws ShapeError where the network is not well formed, as `inferShapes` does
 */
export function summarise(network: Network, batch = 1): NetworkSummary {
  const shapes = inferShapes(network, batch);
  const parameters = trainableByLayer(network);
  const layers = network.layers.map((layer): LayerSummary => {
    const shape = shapes.get(layer.name)!;
    return {
      name: layer.name,
      kind: layer.kind,
      shape,
      parameters: parameters.get(layer.name) ?? 0,
      multiplyAdds: multiplyAdds(layer, shapes.get(layer.inputs[0]!)!, shape),
    };
  });
  return {
    name: network.name,
    layers,
    parameters: layers.reduce((total, layer) => total + layer.parameters, 0),
    multiplyAdds: layers.reduce((total, layer) => total + layer.multiplyAdds, 0),
  };
}

function trainableByLayer(network: Network): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { layer, shape, trainable } of networkParameters(network)) {
    if (trainable) counts.set(layer, (counts.get(layer) ?? 0) + elementCount(shape));
  }
  return counts;
}

function multiplyAdds(layer: Layer, input: Shape, output: Shape): number {
  switch (layer.kind) {
    case 'convolution':
      return unitMultiplyAdds(layer, output, elementCount(layer.kernel) * (input[3] / layer.groups), layer.groups);
    case 'transposedConvolution':
      return elementCount(input) * elementCount(layer.kernel) * (layer.outChannels / layer.groups);
    case 'dense':
      return unitMultiplyAdds(layer, output, elementCount(input.slice(1)), 1);
    default:
      return 0;
  }
}

function unitMultiplyAdds(layer: UnitLayer, output: Shape, filterElements: number, groups: number): number {
  const outputs = elementCount(output);
  const plain = outputs * filterElements;
  if (!isICUnit(layer)) return plain;
  const windowSums = (outputs / output[3]) * groups;
  return plain + windowSums * filterElements + outputs;
}
