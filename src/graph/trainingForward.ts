import { planBatchNormInference, planBatchNormTraining } from '../ops/batchNorm.js';
import { planConvolution } from '../ops/convolution/forward.js';
import { planDense } from '../ops/dense.js';
import { type OperationPlan, tensorBytes } from '../ops/plan.js';
import { planAdd, planRelu } from '../ops/pointwise.js';
import { planMaxPool, planMeanPool } from '../ops/pool.js';
import type { FusedLayers } from './fusion.js';
import { normParameters, unitParameters } from './inferencePlan.js';
import { planOf } from './layerPlans.js';
import {
  activationOptions,
  batchNormShape,
  convolutionShape,
  denseShape,
  meanPoolOptions,
  poolShape,
  reluBound,
  unitOptions,
} from './layerShapes.js';
import { layerPlans } from './layers/plans.js';
import { keptBy } from './names.js';
import { isICUnit } from './network.js';
import { elementCount } from './parameters.js';
import { activation, filterOf, kept, layerStep, type Planner } from './trainingPlanner.js';

/** Appends the forward pass of layers that run as one. */
export function appendForward(planner: Planner, group: FusedLayers): void {
  const { shapes, traits, list, precision, wide } = planner;
  const { head } = group;
  const outputPrecision = head.name === wide ? 'float32' : precision;
  const shape = shapes.get(head.inputs[0]!)!;
  const input = activation(planner, head.inputs[0]!);
  const output = activation(planner, group.output);
  const append = (plan: OperationPlan, tensors: Record<string, string> = {}): void =>
    list.append(head.name, plan, { input, output, ...tensors });
  switch (head.kind) {
    case 'convolution': {
      const statistics = planner.normalised.has(head.name) && !planner.again.has(head.name);
      const options = { ...unitOptions(head), storeSums: isICUnit(head), statistics, precision, outputPrecision };
      const plan = planConvolution(convolutionShape(head, shape), options, traits);
      if (statistics) planner.blocks.set(head.name, plan.operands.statistics!.bytes / tensorBytes(3, head.outChannels));
      append(plan, {
        ...unitParameters(head.name),
        filter: filterOf(planner, head.name),
        windowSums: kept(planner, head.name, 'windowSums'),
        statistics: keptBy(head.name, 'statistics'),
      });
      return;
    }
    case 'batchNorm': {
      const { epsilon, momentum } = head;
      const behind = { residual: group.add !== undefined, ...activationOptions(group, layerPlans), precision };
      const coefficients = keptBy(head.name, 'coefficients');
      const residual = group.residual && { residual: activation(planner, group.residual) };
      if (planner.again.has(head.name)) {
        append(planBatchNormInference(batchNormShape(shape), behind), { scaleShift: coefficients, ...residual });
        return;
      }
      const [source] = head.inputs;
      const blocks = planner.blocks.get(source!);
      const measured = blocks === undefined ? {} : { blocks };
      const plan = planBatchNormTraining(batchNormShape(shape), { ...behind, epsilon, momentum, ...measured });
      const statistics = keptBy(source!, 'statistics');
      append(plan, { ...normParameters(head.name), coefficients, statistics, ...residual });
      return;
    }
    case 'add': {
      const [left, right] = head.inputs.map((layer) => activation(planner, layer));
      append(planAdd(elementCount(shape), { precision }), { left: left!, right: right! });
      return;
    }
    case 'relu':
      append(planRelu(elementCount(shape), { ...reluBound(head), precision }));
      return;
    case 'maxPool':
      append(planMaxPool(poolShape(head, shape), { storeWinners: true, precision }), {
        winners: kept(planner, head.name, 'winners'),
      });
      return;
    case 'meanPool':
      append(planMeanPool(poolShape(head, shape), { ...meanPoolOptions(head), precision }));
      return;
    case 'dense': {
      const { name } = head;
      const options = { ...unitOptions(head), storeSums: isICUnit(head), precision, outputPrecision };
      append(planDense(denseShape(head, shape), options, traits), {
        ...unitParameters(name),
        filter: filterOf(planner, name),
        windowSums: kept(planner, name, 'windowSums'),
      });
      return;
    }
    case 'softmax':
      return;
    default:
      planOf(layerPlans, head).forward({ ...layerStep(planner, head.name), constantFilter: false, output }, head);
  }
}
