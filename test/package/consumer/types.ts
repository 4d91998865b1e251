// The types as a program sees them that installs no others.
import { type BoundPlan, bindPlan, compilePlan, deviceTraits, planConvolution } from 'ic-networks';
import { channelStatistics, type ImageDataset } from 'ic-networks/io';
import { type KernelDescription, kernels } from 'ic-networks/kernels';
import { imageNetResNet } from 'ic-networks/models';
import { type NodeDevice, openDevice } from 'ic-networks/node';
import { decodeOnnx, type OnnxModel } from 'ic-networks/onnx';
import { createTrainer, type Trainer } from 'ic-networks/train';
import { memoryTuningStore, type TuningStore } from 'ic-networks/tune';

export async function convolution(device: GPUDevice, input: GPUBuffer, filter: GPUBuffer, output: GPUBuffer) {
  const windows = { kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] } as const;
  const shape = { batch: 1, inHeight: 8, inWidth: 8, inChannels: 4, outChannels: 4, groups: 1, ...windows };
  const plan = planConvolution(shape, { adjust: 'none' }, deviceTraits(device));
  const bound: BoundPlan = bindPlan(await compilePlan(device, plan), { input, filter, output });
  // @ts-expect-error: a plan has no such method
  bound.submit();
  return bound;
}

export const activation: KernelDescription | undefined = kernels.activation;
export const network = imageNetResNet({ depth: 50, ic: true });
export const statistics = (dataset: ImageDataset) => channelStatistics(dataset).mean;
export const train: (...parameters: Parameters<typeof createTrainer>) => Promise<Trainer> = createTrainer;
export const open: () => Promise<NodeDevice> = openDevice;
export const read: (bytes: Uint8Array) => OnnxModel = decodeOnnx;
export const remembered: TuningStore = memoryTuningStore();
