/** Training: losses, optimisers, schedules, the training loop, evaluation, checkpoints. Browser-safe. */
export type {} from './device/webgpu.js';
export { type AdjustDistribution, adjustDistributions } from './graph/adjustDistribution.js';
export {
  type ActivationBytes,
  activationBytes,
  type Footprint,
  inferenceFootprint,
  trainingFootprint,
} from './graph/footprint.js';
export { compileInspection, type Inspection, type InspectionResult, type LayerActivity } from './graph/inspection.js';
export {
  compileTraining,
  type TrainingDistillation,
  type TrainingNetwork,
  type TrainingOptions,
  type TrainingScaling,
} from './graph/training.js';
export { type BatchNormOptions, planBatchNormTraining } from './ops/batchNorm.js';
export { type BatchNormGradientOptions, planBatchNormGradient } from './ops/batchNormGradient.js';
export { planChannelSums } from './ops/channelSums.js';
export { planConvert } from './ops/convert.js';
export { type FilterGradientOptions, planConvolutionFilterGradient } from './ops/convolution/filterGradient.js';
export { planIcUnitGradient } from './ops/convolution/icUnitGradient.js';
export { type InputGradientOptions, planConvolutionInputGradient } from './ops/convolution/inputGradient.js';
export {
  planTransposedConvolution,
  planTransposedConvolutionFilterGradient,
  planTransposedConvolutionInputGradient,
  type TransposedConvolutionOptions,
  type TransposedConvolutionShape,
  type TransposedGradientOptions,
} from './ops/convolution/transposed.js';
export { planDenseInputGradient, planDenseWeightGradient } from './ops/denseGradient.js';
export { type DistillationLoss, planLogitDistillation, planTableRows } from './ops/distillation.js';
export { planIcActivity } from './ops/icActivity.js';
export {
  type LogitsShape,
  planCrossEntropy,
  planEvaluationMetrics,
  planLabelRank,
  planStepMetrics,
  type StepMetricsOptions,
} from './ops/loss.js';
export { planLossScale } from './ops/lossScale.js';
export {
  type FlatPart,
  flatParts,
  gradientsPart,
  planAdamW,
  planGradientClip,
  planSgd,
  type UpdateOptions,
} from './ops/optimisers.js';
export { parameterBlock } from './ops/parameterBlock.js';
export { planAddGradient, planReluGradient } from './ops/pointwise.js';
export { planMaxPoolGradient, planMeanPoolGradient } from './ops/pool.js';
export {
  type Checkpoint,
  decodeCheckpoint,
  encodeCheckpoint,
  encodeNetwork,
  restoreState,
  restoreTrainer,
} from './train/checkpoint.js';
export type { CheckpointRecord, TrainingRecord } from './train/checkpointRecord.js';
export { type DistillationOptions, type DistillationSchedule, distillationWeightAt } from './train/distillation.js';
export { compileEvaluation, type Evaluation, type EvaluationBatch, type EvaluationResult } from './train/evaluation.js';
export type { LossScaleState } from './train/lossScaleState.js';
export type { LossScalingOptions } from './train/lossScaling.js';
export {
  type AdamWOptions,
  compileOptimiser,
  type Optimiser,
  type OptimiserOptions,
  type SgdOptions,
} from './train/optimiser.js';
export { defaultGroups, type ParameterGroup } from './train/parameterGroups.js';
export { learningRateAt, type Schedule } from './train/schedule.js';
export { createTrainer, type RunOptions, type StepReport, type Trainer, type TrainerOptions } from './train/trainer.js';
