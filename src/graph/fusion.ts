import type { AddLayer, AffineLayer, BatchNormLayer, ConvolutionLayer, Layer, Network, ReluLayer } from './network.js';

/** Layers that run as one: a convolution, batch norm or affine layer with what stands behind it, or a single other layer. */
export interface FusedLayers {
  readonly head: Layer;
  readonly norm?: BatchNormLayer;
  /** Of a convolution. */
  readonly affine?: AffineLayer;
  readonly add?: AddLayer;
  readonly relu?: ReluLayer;
  /** Name of the last of them, whose output is theirs. */
  readonly output: string;
  /** Name of the layer that `add` adds. */
  readonly residual?: string;
}

/**
 * Groups the layers of a network: a head (chosen by `isHead`) takes in the batch norm, the affine layer, the sum and
 * the ReLU that follow it, as long as nobody else reads what lies between. A sum joins its first input. Groups come in the order of their last
 * layers, so that what a sum adds is there before it.
 *
 * @param kept - layers that have an output of their own, so that they take in nothing
 */
export function fuseLayers(
  network: Network,
  isHead: (layer: Layer) => boolean,
  kept: ReadonlySet<string> = new Set(),
): FusedLayers[] {
  const consumers = new Map<string, Layer[]>();
  for (const layer of network.layers) {
    for (const input of layer.inputs) consumers.set(input, [...(consumers.get(input) ?? []), layer]);
  }
  const taken = new Set<string>();
  const groups = new Map<string, FusedLayers>();
  for (const head of network.layers) {
    if (taken.has(head.name)) continue;
    const group: FusedLayers = isHead(head) ? growGroup(head, consumers, kept) : { head, output: head.name };
    const { norm, affine, add, relu } = group;
    for (const member of [head, norm, affine, add, relu]) if (member) taken.add(member.name);
    groups.set(group.output, group);
  }
  return network.layers.flatMap((layer) => groups.get(layer.name) ?? []);
}

function growGroup(
  head: Layer,
  consumers: ReadonlyMap<string, readonly Layer[]>,
  kept: ReadonlySet<string>,
): FusedLayers {
  let output = head.name;
  const next = <Kind extends Layer['kind']>(kind: Kind): Extract<Layer, { kind: Kind }> | undefined => {
    const readers = kept.has(output) ? [] : (consumers.get(output) ?? []);
    const reader = readers[0];
    if (readers.length !== 1 || reader?.kind !== kind || reader.inputs[0] !== output) return undefined;
    output = reader.name;
    return reader as Extract<Layer, { kind: Kind }>;
  };
  const norm = head.kind === 'convolution' ? next('batchNorm') : undefined;
  const affine = head.kind === 'convolution' ? next('affine') : undefined;
  const add = head.kind === 'add' ? undefined : next('add');
  const relu = next('relu');
  const residual = add?.inputs[1];
  return {
    head,
    output,
    ...(norm && { norm }),
    ...(affine && { affine }),
    ...(add && { add }),
    ...(residual && { residual }),
    ...(relu && { relu }),
  };
}

/** Whether a layer is a convolution. */
export function isConvolution(layer: Layer): layer is ConvolutionLayer {
  return layer.kind === 'convolution';
}

/** Whether a layer is a batch norm. */
export function isBatchNorm(layer: Layer): layer is BatchNormLayer {
  return layer.kind === 'batchNorm';
}

/** Whether a layer is a scale and a shift a channel at inference. */
export function isScale(layer: Layer): layer is BatchNormLayer | AffineLayer {
  return layer.kind === 'batchNorm' || layer.kind === 'affine';
}
