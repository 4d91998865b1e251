import type {
  ActivationLayer,
  AddLayer,
  AffineLayer,
  BatchNormLayer,
  ConvolutionLayer,
  Layer,
  Network,
  PreluLayer,
  ReluLayer,
} from './network.js';

/**
 * Layers that run as one: a convolution, batch norm, affine or dense layer with what stands behind it, or a single other layer.
 */
export interface FusedLayers {
  readonly head: Layer;
  readonly norm?: BatchNormLayer;
  /** Of a convolution. */
  readonly affine?: AffineLayer;
  readonly add?: AddLayer;
  readonly relu?: ReluLayer;
  /** What stands in the place of a ReLU. */
  readonly ending?: ActivationLayer | PreluLayer;
  /** Name of the last of them, whose output is theirs. */
  readonly output: string;
  /** Name of the layer that `add` adds. */
  readonly residual?: string;
}

/**
 * Groups the layers of a network: a head (chosen by `isHead`) takes in the batch norm, the affine layer, the sum and
 * the ReLU that follow it, a dense layer the last of these alone, as long as nobody else reads what lies between. A sum joins its
 * first input. Groups come in the order of their last layers, so that what a sum adds is there before it.
 */
export function fuseLayers(
  network: Network,
  isHead: (layer: Layer) => boolean,
  options: FusionOptions = {},
): FusedLayers[] {
  const consumers = new Map<string, Layer[]>();
  for (const layer of network.layers) {
    for (const input of layer.inputs) consumers.set(input, [...(consumers.get(input) ?? []), layer]);
  }
  const taken = new Set<string>();
  const groups = new Map<string, FusedLayers>();
  for (const head of network.layers) {
    if (taken.has(head.name)) continue;
    const group: FusedLayers = isHead(head) ? growGroup(head, consumers, options) : { head, output: head.name };
    const { norm, affine, add, relu, ending } = group;
    for (const member of [head, norm, affine, add, relu, ending]) if (member) taken.add(member.name);
    groups.set(group.output, group);
  }
  return network.layers.flatMap((layer) => groups.get(layer.name) ?? []);
}

/** What groups are made of. */
export interface FusionOptions {
  /** Whether a group may end in an activation that is no ReLU; none where left out. */
  readonly endsIn?: EndsIn;
  /** Layers that have an output of their own, so that nothing behind them joins their group. */
  readonly kept?: ReadonlySet<string>;
}

/** Whether layers that run as one may end in an activation. */
export type EndsIn = (layer: ActivationLayer | PreluLayer, group: Pick<FusedLayers, 'head' | 'add'>) => boolean;

/** What groups of inference may end in: slopes of channels have the place of an IC unit's weights. */
export const endsInference: EndsIn = ({ kind }, { head }) =>
  kind === 'activation' || (head.kind === 'convolution' && head.adjust === 'none');

/** What groups of training may end in: behind a sum what an activation was applied to is not known any more. */
export const endsTraining: EndsIn = ({ kind }, { add }) => kind === 'activation' && add === undefined;

function growGroup(
  head: Layer,
  consumers: ReadonlyMap<string, readonly Layer[]>,
  { endsIn = () => false, kept }: FusionOptions,
): FusedLayers {
  let output = head.name;
  const next = <Kind extends Layer['kind']>(
    kind: Kind,
    fits: (layer: Extract<Layer, { kind: Kind }>) => boolean = () => true,
  ): Extract<Layer, { kind: Kind }> | undefined => {
    const readers = kept?.has(output) ? [] : (consumers.get(output) ?? []);
    const reader = readers[0];
    if (readers.length !== 1 || reader?.kind !== kind || reader.inputs[0] !== output) return undefined;
    const found = reader as Extract<Layer, { kind: Kind }>;
    if (!fits(found)) return undefined;
    output = found.name;
    return found;
  };
  const norm = head.kind === 'convolution' ? next('batchNorm') : undefined;
  const affine = head.kind === 'convolution' ? next('affine') : undefined;
  const add = head.kind === 'add' || head.kind === 'dense' ? undefined : next('add');
  const relu = next('relu');
  const group = { head, ...(add && { add }) };
  const fits = (layer: ActivationLayer | PreluLayer): boolean => endsIn(layer, group);
  const ending = relu ? undefined : (next('activation', fits) ?? next('prelu', fits));
  const residual = add?.inputs[1];
  return {
    ...group,
    output,
    ...(norm && { norm }),
    ...(affine && { affine }),
    ...(residual && { residual }),
    ...(relu && { relu }),
    ...(ending && { ending }),
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
