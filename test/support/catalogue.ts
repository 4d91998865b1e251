import * as layers from '../../src/layers.js';
import * as operations from '../../src/operations.js';
import { activationFunctions } from '../../src/ops/activationFunctions.js';
import { planBatchNormTraining } from '../../src/ops/batchNorm.js';
import { planBatchNormGradient } from '../../src/ops/batchNormGradient.js';
import { planChannelSums } from '../../src/ops/channelSums.js';
import { planConvert } from '../../src/ops/convert.js';
import { planConvolutionFilterGradient } from '../../src/ops/convolution/filterGradient.js';
import { planIcUnitGradient } from '../../src/ops/convolution/icUnitGradient.js';
import { planConvolutionInputGradient } from '../../src/ops/convolution/inputGradient.js';
import type { CompleteConvolution } from '../../src/ops/convolution/shape.js';
import {
  planTransposedConvolution,
  planTransposedConvolutionFilterGradient,
  planTransposedConvolutionInputGradient,
} from '../../src/ops/convolution/transposed.js';
import { planDenseInputGradient, planDenseWeightGradient } from '../../src/ops/denseGradient.js';
import { planLogitDistillation, planTableRows } from '../../src/ops/distillation.js';
import type { ChooseForm, Family, RankedForm } from '../../src/ops/forms.js';
import { planIcActivity } from '../../src/ops/icActivity.js';
import * as losses from '../../src/ops/loss.js';
import { planLossScale } from '../../src/ops/lossScale.js';
import { planMatrixMultiplyAdds } from '../../src/ops/matrixProbe.js';
import * as optimisers from '../../src/ops/optimisers.js';
import type { OperationPlan } from '../../src/ops/plan.js';
import { planAddGradient, planReluGradient } from '../../src/ops/pointwise.js';
import { planMaxPoolGradient, planMeanPoolGradient } from '../../src/ops/pool.js';
import { planCopy, planMultiplyAdds } from '../../src/ops/probes.js';
import type { DeviceTraits } from '../../src/ops/traits.js';

const {
  planAdd,
  planBatchNormFold,
  planBatchNormInference,
  planConvolution,
  planDense,
  planImageToTensor,
  planMaxPool,
  planMeanPool,
  planRelu,
  planSoftmax,
  planTensorToImage,
} = operations;
const {
  activationOf,
  planActivation,
  planActivationGradient,
  planAffine,
  planAffineFold,
  planAffineGradient,
  planConcat,
  planConcatGradient,
  planGateGradient,
  planLocalResponseNorm,
  planLocalResponseNormGradient,
  planMultiply,
  planPrelu,
  planPreluGradient,
  planPreluSlopeGradient,
  planSlice,
  planSliceGradient,
  planTranspose,
  planUpsample,
  planUpsampleGradient,
} = layers;
const { planCrossEntropy, planEvaluationMetrics, planLabelRank, planStepMetrics } = losses;
const { planAdamW, planGradientClip, planSgd } = optimisers;

/** Small shapes that every family takes. */
const convolution: CompleteConvolution = {
  batch: 1,
  inHeight: 6,
  inWidth: 6,
  inChannels: 4,
  outChannels: 16,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1],
  dilation: [1, 1],
  groups: 1,
};
const transposed = { ...convolution, outputPadding: [0, 0] } as const;
const depthwise = { ...convolution, outChannels: 4, groups: 4 };
const grouped = { ...convolution, groups: 2 };
const pool = {
  batch: 1,
  inHeight: 4,
  inWidth: 4,
  channels: 3,
  kernel: [2, 2],
  stride: [2, 2],
  padding: [0, 0],
} as const;
const norm = { pixels: 12, channels: 4 };
const gates = { batch: 2, pixels: 6, channels: 4 };
const slice = { pixels: 6, channels: 8, start: 2, count: 4 };
const response = { size: 3, alpha: 1e-4, beta: 0.75, k: 2 };
const enlarged = { batch: 1, inHeight: 3, inWidth: 4, channels: 2, factor: [2, 3] } as const;
const dense = { batch: 3, inFeatures: 8, outFeatures: 8 };
const image = { imageWidth: 5, imageHeight: 4, width: 3, height: 2, channels: 3 } as const;
const everything = {
  adjust: 'output',
  offset: true,
  bias: true,
  scaleShift: true,
  residual: true,
  relu: true,
  storeSums: true,
} as const;

/** Tiles whose reduction is split in two. */
const splitForm: ChooseForm = ({ forms }) => {
  // The shortest steps, of which there are two at least.
  const { family, tile } = forms.find((form) => form.family === 'tiled' && form.tile.blockDepth === 4)!;
  return { family, tile: { ...tile, splits: 2 } };
};

/**
 * Plans of every exported operation, by the function that makes them: what tests hold to what is promised of all operations.
 * A new `plan...` function needs an entry here.
 *
 * @param families the families of convolution kernels that the traits allow
 */
export function catalogue(traits: DeviceTraits, families: readonly Family[]): Record<string, OperationPlan[]> {
  const perFamily = (make: (family: Family) => OperationPlan): OperationPlan[] => families.map(make);
  const textured = traits.textures ? texturedTraits(traits) : [];
  // Operands are float32 here.
  const matrices: Family[] = traits.matrix && traits.half ? ['matrix'] : [];
  const filterFamilies = families.filter((family) => ['naive', 'subgroup', 'tiled'].includes(family));
  return {
    planActivation: activationFunctions.map((name) => planActivation(12, name)),
    planActivationGradient: activationFunctions.map((name) => planActivationGradient(12, name, { accumulate: true })),
    planAdamW: [planAdamW(64, { groups: 1, epsilon: 1e-8, clip: true })],
    planAdd: [planAdd(12, { relu: true })],
    planAddGradient: [planAddGradient(12, { accumulate: true })],
    planAffine: [planAffine(norm)],
    planAffineFold: [planAffineFold(4), planAffineFold(4, { behind: true })],
    planAffineGradient: [planAffineGradient(norm), planAffineGradient(norm, { parametersOnly: true })],
    planBatchNormFold: [planBatchNormFold(4, 1e-5)],
    planBatchNormGradient: [
      planBatchNormGradient(norm, { residual: true, relu: true }),
      planBatchNormGradient(norm, { activation: activationOf('gelu') }),
    ],
    planBatchNormInference: [planBatchNormInference(norm, { residual: true, relu: true })],
    planBatchNormTraining: [planBatchNormTraining(norm, { epsilon: 1e-5, momentum: 0.1, relu: true })],
    planChannelSums: [planChannelSums(12, 4, { factors: true })],
    planConcat: [planConcat({ pixels: 6, channels: [4, 2] })],
    planConcatGradient: [planConcatGradient({ pixels: 6, channels: [4, 2] }, 1)],
    planConvolution: [
      ...perFamily((family) => planConvolution(convolution, { ...everything, family }, traits)),
      planConvolution(convolution, { family: 'naive', adjust: 'input' }, traits),
      ...activationFunctions.map((name) =>
        planConvolution(convolution, { family: 'naive', activation: activationOf(name) }, traits),
      ),
      planConvolution(convolution, { family: 'naive', slopes: true }, traits),
      ...textured.map((traits) => planConvolution(convolution, everything, traits)),
      planConvolution(depthwise, { ...everything, family: 'depthwise' }, traits),
      planConvolution(convolution, everything, { ...traits, choose: splitForm }),
      ...matrices.map((family) => planConvolution(convolution, { ...everything, family }, traits)),
    ],
    planConvolutionFilterGradient: [
      ...matrices.map((family) => planConvolutionFilterGradient(convolution, { family }, traits)),
      ...filterFamilies.map((family) => planConvolutionFilterGradient(convolution, { family }, traits)),
      planConvolutionFilterGradient(depthwise, { family: 'depthwise' }, traits),
      planConvolutionFilterGradient(grouped, { family: 'grouped' }, traits),
    ],
    planConvolutionInputGradient: [
      ...perFamily((family) =>
        planConvolutionInputGradient(convolution, { windowSums: 'input', accumulate: true, family }, traits),
      ),
      planConvolutionInputGradient(convolution, {}, { ...traits, choose: splitForm }),
      ...textured.map((traits) => planConvolutionInputGradient(convolution, {}, traits)),
      planConvolutionInputGradient(depthwise, { family: 'depthwise' }, traits),
    ],
    planConvert: [planConvert(12, 'float16'), planConvert(12, 'float32')],
    planCopy: [planCopy(64)],
    planCrossEntropy: [planCrossEntropy({ batch: 3, classes: 5 }, { gradient: true })],
    planDense: [
      planDense(dense, { bias: true }, traits),
      planDense(dense, { bias: true, adjust: 'output', offset: true }, traits),
      planDense(dense, { bias: true }, { ...traits, choose: splitForm }),
    ],
    planDenseInputGradient: [
      planDenseInputGradient(dense, {}, traits),
      planDenseInputGradient(dense, {}, { ...traits, choose: splitForm }),
    ],
    planDenseWeightGradient: [planDenseWeightGradient(dense, traits)],
    planEvaluationMetrics: [planEvaluationMetrics(3, 2)],
    planGateGradient: [planGateGradient(gates)],
    planGradientClip: [planGradientClip(64, 1)],
    planIcActivity: [planIcActivity(convolution, 'output'), planIcActivity(convolution, 'input', { offset: true })],
    planIcUnitGradient: [
      planIcUnitGradient(convolution, 'output'),
      planIcUnitGradient(convolution, 'input'),
      planIcUnitGradient(convolution, 'input', { offset: true }),
      planIcUnitGradient(depthwise, 'output', { offset: true }),
    ],
    planImageToTensor: [planImageToTensor(image), planImageToTensor(image, { source: 'external' })],
    planLabelRank: [planLabelRank({ batch: 3, classes: 5 })],
    planLocalResponseNorm: [planLocalResponseNorm(norm, response)],
    planLocalResponseNormGradient: [planLocalResponseNormGradient(norm, response)],
    planLogitDistillation: [planLogitDistillation({ batch: 3, classes: 5 }, { loss: 'kl', temperature: 2 })],
    planLossScale: [planLossScale(4, 7)],
    planMatrixMultiplyAdds: traits.matrix ? [planMatrixMultiplyAdds(2, 3, traits)] : [],
    planMaxPool: [planMaxPool(pool, { storeWinners: true })],
    planMaxPoolGradient: [planMaxPoolGradient(pool)],
    planMeanPool: [planMeanPool(pool)],
    planMeanPoolGradient: [planMeanPoolGradient(pool)],
    planMultiply: [planMultiply(gates), planMultiply(gates, { gate: true, accumulate: true })],
    planMultiplyAdds: [planMultiplyAdds(2, 3), planMultiplyAdds(2, 3, 'float16')],
    planPrelu: [planPrelu(norm)],
    planPreluGradient: [planPreluGradient(norm, { accumulate: true })],
    planPreluSlopeGradient: [planPreluSlopeGradient(norm)],
    planRelu: [planRelu(12)],
    planReluGradient: [planReluGradient(12)],
    planSgd: [planSgd(64, { groups: 1, clip: true })],
    planSlice: [planSlice(slice)],
    planSliceGradient: [planSliceGradient(slice), planSliceGradient(slice, { accumulate: true })],
    planSoftmax: [planSoftmax(3, 5)],
    planStepMetrics: [planStepMetrics(3, 2, { distances: true })],
    planTableRows: [planTableRows({ entries: 4, rows: 2, columns: 3 }, 'store')],
    planTensorToImage: [planTensorToImage({ width: 3, height: 2, channels: 3 })],
    planTransposedConvolution: [
      ...perFamily((family) => planTransposedConvolution(transposed, { bias: true, family }, traits)),
      planTransposedConvolution(transposed, { bias: true, constantFilter: true }, traits),
      planTransposedConvolution(transposed, {}, { ...traits, choose: splitForm }),
    ],
    planTransposedConvolutionFilterGradient: filterFamilies.map((family) =>
      planTransposedConvolutionFilterGradient(transposed, { family }, traits),
    ),
    planTransposedConvolutionInputGradient: [
      ...perFamily((family) =>
        planTransposedConvolutionInputGradient(transposed, { accumulate: true, family }, traits),
      ),
      planTransposedConvolutionInputGradient(transposed, {}, { ...traits, choose: splitForm }),
    ],
    planTranspose: [planTranspose({ batch: 2, rows: 6, columns: 3 })],
    planUpsample: [
      planUpsample(enlarged, { mode: 'nearest' }),
      planUpsample(enlarged, { mode: 'bilinear', alignCorners: true }),
    ],
    planUpsampleGradient: [planUpsampleGradient(enlarged, { mode: 'bilinear' })],
  };
}

/** That choose forms with filters, and with filters and input in textures, there and in the middle of Winograd's transforms. */
function texturedTraits(traits: DeviceTraits): DeviceTraits[] {
  return [1, 2].flatMap((count) =>
    [false, true].map((winograd): DeviceTraits => {
      const wanted = ({ tile, family }: RankedForm, operation: string) =>
        winograd && operation !== 'winogradProduct' ? family === 'winograd' : tile.textures === count;
      return {
        ...traits,
        choose: ({ forms, operation }) => forms.find((form) => wanted(form, operation)) ?? forms[0]!,
      };
    }),
  );
}

/** The exported functions that make plans, by the subpath of the package that exports them. */
export const planFunctionsOf: Readonly<Record<string, readonly string[]>> = {
  'ic-networks': plansAmong(operations),
  'ic-networks/layers': plansAmong(layers),
  'ic-networks/train': [
    ...plansAmong(losses),
    ...plansAmong(optimisers),
    ...plansAmong({ planBatchNormGradient, planBatchNormTraining, planChannelSums, planIcActivity }),
    ...plansAmong({ planConvert, planConvolutionFilterGradient, planDenseWeightGradient }),
    ...plansAmong({ planAddGradient, planMaxPoolGradient, planMeanPoolGradient, planReluGradient }),
    ...plansAmong({ planConvolutionInputGradient, planDenseInputGradient, planIcUnitGradient }),
    ...plansAmong({ planLogitDistillation, planLossScale, planTableRows }),
    ...plansAmong({ planTransposedConvolution }),
    ...plansAmong({ planTransposedConvolutionFilterGradient, planTransposedConvolutionInputGradient }),
  ],
  'ic-networks/tune': plansAmong({ planCopy, planMatrixMultiplyAdds, planMultiplyAdds }),
};
export const planFunctions = Object.values(planFunctionsOf).flat();

function plansAmong(module: object): string[] {
  return Object.keys(module).filter((name) => name.startsWith('plan'));
}
