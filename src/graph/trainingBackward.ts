import { planBatchNormGradient } from '../ops/batchNormGradient.js';
import { planChannelSums } from '../ops/channelSums.js';
import { planConvolutionFilterGradient } from '../ops/convolution/filterGradient.js';
import { planIcUnitGradient } from '../ops/convolution/icUnitGradient.js';
import { planConvolutionInputGradient } from '../ops/convolution/inputGradient.js';
import { type ConvolutionShape, checkConvolution } from '../ops/convolution/shape.js';
import { denseAsConvolution } from '../ops/dense.js';
import type { OperationPlan } from '../ops/plan.js';
import { planAddGradient, planReluGradient } from '../ops/pointwise.js';
import { planMaxPoolGradient, planMeanPoolGradient } from '../ops/pool.js';
import type { FusedLayers } from './fusion.js';
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
import { keptBy, parameter, parameterGradient } from './names.js';
import type { UnitLayer } from './network.js';
import { elementCount } from './parameters.js';
import type { Shape } from './shapes.js';
import { activation, contribute, filterOf, gradient, kept, layerStep, type Planner } from './trainingPlanner.js';

/** Appends the backward pass of layers that run as one. */
export function appendBackward(planner: Planner, group: FusedLayers): void {
  const { shapes, list, reached, precision } = planner;
  const { head } = group;
  if (!reached.has(group.output)) return;
  const shape = shapes.get(head.inputs[0]!)!;
  switch (head.kind) {
    case 'convolution':
      appendUnitBackward(planner, head, convolutionShape(head, shape));
      return;
    case 'batchNorm':
      appendNormBackward(planner, group, shape);
      return;
    case 'dense':
      appendUnitBackward(planner, head, denseAsConvolution('dense', denseShape(head, shape)));
      return;
    case 'add':
      for (const layer of head.inputs) {
        contribute(planner, layer, (output, accumulate) =>
          list.append(head.name, planAddGradient(elementCount(shape), { accumulate, precision }), {
            input: gradient(planner, head.name),
            output,
          }),
        );
      }
      return;
    case 'relu':
    case 'maxPool':
    case 'meanPool':
      contribute(planner, head.inputs[0]!, (inputGradient, accumulate) => {
        const tensors = { gradient: gradient(planner, head.name), inputGradient };
        if (head.kind === 'relu') {
          const plan = planReluGradient(elementCount(shape), { accumulate, ...reluBound(head), precision });
          list.append(head.name, plan, { ...tensors, activation: activation(planner, head.name) });
        } else if (head.kind === 'maxPool') {
          const winners = kept(planner, head.name, 'winners');
          const plan = planMaxPoolGradient(poolShape(head, shape), { accumulate, precision });
          list.append(head.name, plan, { ...tensors, winners });
        } else {
          const options = { accumulate, ...meanPoolOptions(head), precision };
          list.append(head.name, planMeanPoolGradient(poolShape(head, shape), options), tensors);
        }
      });
      return;
    case 'softmax':
      return;
    default:
      planOf(layerPlans, head).backward(
        {
          ...layerStep(planner, head.name),
          gradient: gradient(planner, head.name),
          contribute: (layer, emit) => contribute(planner, layer, emit),
        },
        head,
      );
  }
}

/** The backward pass of a convolution, or of a fully connected layer as one. */
function appendUnitBackward(planner: Planner, layer: UnitLayer, shape: ConvolutionShape): void {
  const { list, traits, precision } = planner;
  const { name } = layer;
  const { bias, adjust, offset } = unitOptions(layer);
  const { batch, inHeight, inWidth, outHeight, outWidth, groups } = checkConvolution(layer.kind, shape);
  const source = layer.inputs[0]!;
  const append = (plan: OperationPlan, tensors: Record<string, string>): void => list.append(name, plan, tensors);
  // The gradient of z takes the place of that of y, which nobody else reads.
  const zGradient = gradient(planner, name);
  const inputSums = keptBy(name, 'inputSums');
  if (adjust !== 'none') {
    append(planIcUnitGradient(shape, adjust, { inPlace: true, offset, precision }), {
      output: activation(planner, name),
      windowSums: kept(planner, name, 'windowSums'),
      adjust: parameter(`${name}.adjust`),
      zGradient,
      inputSums,
      adjustGradient: parameterGradient(`${name}.adjust`),
      offsetGradient: parameterGradient(`${name}.offset`),
    });
  }
  if (adjust === 'input') {
    const pixels = batch * inHeight * inWidth;
    append(planChannelSums(pixels, shape.inChannels, { factors: true, groups, precision }), {
      values: activation(planner, source),
      factors: inputSums,
      output: parameterGradient(`${name}.adjust`),
    });
  }
  if (bias) {
    append(planChannelSums(batch * outHeight * outWidth, shape.outChannels, { precision }), {
      values: zGradient,
      output: parameterGradient(`${name}.bias`),
    });
  }
  append(planConvolutionFilterGradient(shape, { precision }, traits), {
    input: activation(planner, source),
    gradient: zGradient,
    output: parameterGradient(`${name}.weight`),
  });
  contribute(planner, source, (output, accumulate) => {
    const windowSums = adjust === 'none' ? {} : { windowSums: adjust };
    append(planConvolutionInputGradient(shape, { accumulate, ...windowSums, precision }, traits), {
      gradient: zGradient,
      filter: filterOf(planner, name),
      adjust: parameter(`${name}.adjust`),
      windowSums: inputSums,
      output,
    });
  });
}

function appendNormBackward(planner: Planner, group: FusedLayers, shape: Shape): void {
  const { list, reached, precision } = planner;
  const { head, residual } = group;
  const { name } = head;
  const source = head.inputs[0]!;
  const accumulateResidual = residual !== undefined && reached.has(residual);
  const passesResidual = residual !== undefined && residual !== 'input';
  const ending = activationOptions(group, layerPlans);
  const behind = { residual: passesResidual, ...ending, accumulateResidual, inPlace: true, precision };
  const inputGradient = gradient(planner, group.output);
  list.append(name, planBatchNormGradient(batchNormShape(shape), behind), {
    activation: activation(planner, group.output),
    input: activation(planner, source),
    coefficients: keptBy(name, 'coefficients'),
    weightGradient: parameterGradient(`${name}.weight`),
    biasGradient: parameterGradient(`${name}.bias`),
    inputGradient,
    ...(passesResidual && { residualGradient: gradient(planner, residual) }),
  });
  if (passesResidual) reached.add(residual);
  if (source !== 'input' && source !== residual && !reached.has(source)) {
    planner.gradients.set(source, inputGradient);
    reached.add(source);
    return;
  }
  contribute(planner, source, (output, accumulate) =>
    list.append(name, planAddGradient(elementCount(shape), { accumulate, precision }), {
      input: inputGradient,
      output,
    }),
  );
}
