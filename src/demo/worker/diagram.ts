import type { FusedLayers } from '../../graph/fusion.js';
import { inferenceGroups, planInference } from '../../graph/inferencePlan.js';
import { loadLayerPlans } from '../../graph/layerPlans.js';
import { isICUnit, type Network } from '../../graph/network.js';
import { summarise } from '../../models/summary.js';
import { deviceTraits } from '../../ops/traits.js';
import { indexedDBTuningStore } from '../../tune/indexedDBStore.js';
import { rememberedChoice } from '../../tune/tune.js';
import type { Box, Diagram, ModelName } from '../protocol.js';
import { recordDispatches, timeDispatches } from './dispatches.js';
import { modelNamed } from './models.js';
import { tell } from './post.js';

/** A network as boxes, one for each group of layers that runs as one, with the time of its dispatches on this GPU. */
export async function drawDiagram(name: ModelName): Promise<Diagram> {
  const { network, state, inference } = await modelNamed(name);
  const { device } = state;
  const choose = await rememberedChoice(device, indexedDBTuningStore());
  const layerPlans = await loadLayerPlans(network);
  const { forward } = planInference(network, 1, { memory: 'fastest' }, deviceTraits(device, choose), { layerPlans });
  // The first run also prepares filters and norms, which are not of one picture.
  const [, height, width, channels] = inference.inputShape;
  await inference.run(new Float32Array(height * width * channels));
  const dispatches = recordDispatches(inference.encode);
  const { milliseconds, by } = await timeDispatches(device, dispatches, (done) =>
    tell('measuring', { done, total: dispatches.length }),
  );
  let next = 0;
  const timed = forward.flatMap(({ layer, plan }) =>
    plan.steps.map(({ kernel }) => ({ layer, kernel: kernel.name, milliseconds: milliseconds[next++]! })),
  );
  const boxes = boxesOf(network).map((box) => ({
    ...box,
    dispatches: timed
      .filter(({ layer }) => layer === box.name)
      .map(({ kernel, milliseconds }) => ({ kernel, milliseconds })),
  }));
  return { network: network.name, input: [height, width, channels], boxes, by };
}

function boxesOf(network: Network): Omit<Box, 'dispatches'>[] {
  const layers = new Map(summarise(network).layers.map((layer) => [layer.name, layer]));
  const groups = inferenceGroups(network);
  const makers = new Map(groups.map((group) => [group.output, group.head.name]));
  return groups.map((group) => {
    const members = [group.head, group.norm, group.affine, group.add, group.relu, group.ending].filter(
      (layer) => layer !== undefined,
    );
    const sum = (of: 'parameters' | 'multiplyAdds'): number =>
      members.reduce((total, { name }) => total + layers.get(name)![of], 0);
    return {
      name: group.head.name,
      kind: kindOf(group),
      shape: layers.get(group.output)!.shape.slice(1),
      parameters: sum('parameters'),
      multiplyAdds: sum('multiplyAdds'),
      input: makers.get(group.head.inputs[0]!) ?? 'input',
      ...(group.residual !== undefined && { residual: makers.get(group.residual) ?? 'input' }),
    };
  });
}

/** What a box does, in words. */
function kindOf({ head, norm, affine, add, relu, ending }: FusedLayers): string {
  const names: Record<typeof head.kind, string> = {
    convolution: 'convolution',
    batchNorm: 'batch norm',
    relu: 'ReLU',
    add: 'sum',
    maxPool: 'max pool',
    meanPool: 'mean',
    dense: 'fully connected',
    concat: 'concat',
    flatten: 'flatten',
    softmax: 'softmax',
    activation: 'activation',
    prelu: 'PReLU',
    multiply: 'product',
    affine: 'scale and shift',
    slice: 'some channels',
    shuffle: 'channel shuffle',
    upsample: 'enlarging',
    transposedConvolution: 'transposed convolution',
    localResponseNorm: 'response norm',
  };
  const form = isICUnit(head) ? 'IC ' : '';
  const own =
    head.kind === 'activation'
      ? head.function
      : head.kind === 'convolution'
        ? `${head.kernel.join(' × ')} ${form}convolution`
        : `${form}${names[head.kind]}`;
  const behind = [
    norm && 'norm',
    affine && names.affine,
    add && 'sum',
    relu && 'ReLU',
    ending && (ending.kind === 'activation' ? ending.function : names.prelu),
  ].filter((part) => part !== undefined);
  return [own, ...behind].join(', ');
}
