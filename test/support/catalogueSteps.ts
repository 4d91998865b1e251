import { type KernelStep, kernelOf } from '../../src/ops/plan.js';
import { type DeviceTraits, deviceTraits } from '../../src/ops/traits.js';
import { type KernelPipeline, kernelPipeline } from '../../src/wgsl/pipeline.js';
import { assumedUnits } from './assumedUnits.js';
import { catalogue } from './catalogue.js';

/** The steps of the catalogue's plans for a device, and for others: together they have every kernel. */
export function catalogueSteps(device: GPUDevice): KernelStep[] {
  const others: DeviceTraits[] = [
    { subgroup: 4, software: true },
    { subgroup: 8, software: true, textures: true },
    { subgroup: 8, software: false, matrix: assumedUnits },
  ];
  const plans = [
    catalogue(deviceTraits(device), ['naive', 'tiled', 'winograd']),
    ...others.map((traits) => catalogue(traits, ['naive', 'tiled', 'winograd', 'subgroup'])),
  ].flatMap((operations) => Object.values(operations).flat());
  return plans.flatMap((plan) => [...plan.steps, ...(plan.prepare ?? [])]);
}

/** Whether a step's kernel asks for what a device may lack: subgroups, matrix units, float16, or frames of a video. */
export function lacksFor(device: GPUDevice, { kernel }: KernelStep): boolean {
  const text = [...(kernel.shared ?? []), kernel.text].join('\n');
  return (
    (text.includes('enable subgroups') && !device.features.has('subgroups')) ||
    (text.includes('subgroup_matrix') && ![...device.features].some((name) => name.includes('subgroup-matrix'))) ||
    (text.includes('enable f16') && !device.features.has('shader-f16')) ||
    (text.includes('texture_external') && !('importExternalTexture' in device))
  );
}

/** Compiles a step's kernel. */
export function compileStep(device: GPUDevice, step: KernelStep): Promise<KernelPipeline> {
  const { kernel, constants } = kernelOf(step);
  return kernelPipeline(device, kernel, constants);
}
