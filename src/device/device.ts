import { DeviceLostError, DisposedError, type ICError } from '../errors.js';
import type { ExperimentalFeature } from './experimental.js';
import { numericLimits } from './limits.js';

/** Why a device was lost. */
export interface DeviceLoss {
  readonly reason: 'destroyed' | 'unknown';
  readonly message: string;
}

interface Watch {
  loss: DeviceLoss | undefined;
  /** By {@link destroyDevice}, which is no accident. */
  closed: boolean;
  readonly lost: Promise<DeviceLoss>;
}

/** The features that a device is asked for with where its adapter has them. */
export const usefulFeatures = ['subgroups', 'subgroup-size-control', 'shader-f16', 'timestamp-query'] as const;

/** TypeScript's own types of WebGPU do not name it yet. */
const sizeControl = 'subgroup-size-control' as GPUFeatureName;

/** How a device is asked for. */
export interface RequestDeviceOptions {
  /** The device's label, for messages; `ic-networks` where left out. */
  readonly label?: string | undefined;
  /** Features that it shall not have though its adapter has them: to see what runs, and how fast, where they are missing. */
  readonly without?: readonly (typeof usefulFeatures)[number][] | undefined;
  /**
   * Features of drafts that it shall have: `subgroup-matrix` for the matrix units of GPUs, which multiply in float16. None where
   * left out. A browser shows them behind a flag, Chrome behind `--enable-unsafe-webgpu`.
   */
  readonly experimental?: readonly ExperimentalFeature[] | undefined;
}

function usable(adapter: GPUAdapter): GPUFeatureName[] {
  return (usefulFeatures as readonly string[] as GPUFeatureName[]).filter((feature) => adapter.features.has(feature));
}

const watches = new WeakMap<GPUDevice, Watch>();

/** The closures hold the watch alone, so that watching a device does not keep it alive. */
function watch(device: GPUDevice): Watch {
  const known = watches.get(device);
  if (known) return known;
  const started: Watch = {
    loss: undefined,
    closed: false,
    lost: device.lost.then(({ reason, message }) => {
      started.loss ??= { reason, message };
      return started.loss;
    }),
  };
  watches.set(device, started);
  return started;
}

/**
 * Asks for a device with all of the adapter's limits, not WebGPU's small defaults, and with those of the features
 * `subgroups`, `subgroup-size-control`, `shader-f16` and `timestamp-query` that the adapter has.
 *
 * @param drafts - experimental features, which the adapter has
 * @throws DeviceLostError where the adapter gives no device, for example because it has given one before.
 */
export async function requestDevice(
  adapter: GPUAdapter,
  { label = 'ic-networks', without = [] }: RequestDeviceOptions = {},
  drafts: readonly string[] = [],
): Promise<GPUDevice> {
  // The control of their size would bring subgroups with it.
  const missing: readonly string[] = without.includes('subgroups') ? [...without, sizeControl] : without;
  try {
    const device = await adapter.requestDevice({
      label,
      requiredFeatures: [
        ...usable(adapter).filter((feature) => !missing.includes(feature)),
        ...(drafts as readonly GPUFeatureName[]),
      ],
      requiredLimits: numericLimits(adapter.limits),
    });
    watch(device);
    return device;
  } catch (error) {
    throw new DeviceLostError(
      {
        operation: 'requestDevice',
        parameter: 'adapter',
        expected: 'an adapter that gives a device',
        got: error instanceof Error ? error.message : String(error),
      },
      { cause: error },
    );
  }
}

/** The subgroups that kernels can count on. */
export interface Subgroups {
  /** Invocations of every one. */
  readonly size: number;
  /** Whether a kernel has to ask for that size, with the feature `subgroup-size-control`, since the device has others. */
  readonly pinned: boolean;
}

/**
 * The size to ask for, of those that a device has. 32 is what most GPUs are built for. A thread of an Intel GPU has 4 KB of
 * registers for all its lanes (The Compute Architecture of Intel Processor Graphics, 2015), so 32 lanes have 32 registers each,
 * too few for tiles; and not all of these GPUs run 8 lanes on request, though they name that size (the WebGPU proposal on the
 * control of subgroup sizes).
 */
function wantedSize(vendor: string): number {
  return vendor === 'intel' ? 16 : 32;
}

/**
 * The subgroups of one size that kernels get on a device: its own, or where it has several sizes and the feature
 * `subgroup-size-control` the one to ask for. Undefined where it has no subgroups or their size cannot be known.
 */
export function subgroupsOf(device: GPUDevice): Subgroups | undefined {
  const { features, adapterInfo } = device;
  const { vendor, subgroupMinSize: least, subgroupMaxSize: most } = adapterInfo;
  if (!features.has('subgroups') || least === undefined || most === undefined) return undefined;
  if (least === most) return { size: least, pinned: false };
  if (!features.has(sizeControl)) return undefined;
  return { size: Math.min(Math.max(wantedSize(vendor), least), most), pinned: true };
}

/** Resolves once the device is lost or destroyed; never rejects. */
export function whenLost(device: GPUDevice): Promise<DeviceLoss> {
  return watch(device).lost;
}

/** The error that says that `operation` found its device gone: lost, or closed. */
export function deviceLostError(device: GPUDevice, operation: string, options?: ErrorOptions): ICError {
  const { loss, closed } = watch(device);
  const details = { operation, parameter: 'device', expected: 'a working device' };
  if (closed) return new DisposedError({ ...details, got: 'a closed one' }, options);
  const got = loss ? `a lost one (${loss.reason}: ${loss.message})` : 'a lost one';
  return new DeviceLostError({ ...details, got }, options);
}

/**
 * Refuses a device that is known to be lost: a lost device takes every call without a word. A loss is known one turn of
 * the event loop after it happened, at once after {@link destroyDevice}.
 *
 * @throws DeviceLostError; DisposedError behind {@link destroyDevice}.
 */
export function assertAlive(device: GPUDevice, operation: string): void {
  if (watch(device).loss) throw deviceLostError(device, operation);
}

/** Destroys the device; from here on {@link assertAlive} refuses it. */
export function destroyDevice(device: GPUDevice): void {
  const watched = watch(device);
  watched.closed ||= watched.loss === undefined;
  watched.loss ??= { reason: 'destroyed', message: 'the device was closed' };
  device.destroy();
}

/**
 * Submits one compute pass, with what goes ahead of it. The device's errors, as those of encoding, are for whoever has a `guard`
 * around it.
 */
export function submitPass(
  device: GPUDevice,
  label: string,
  encode: (pass: GPUComputePassEncoder) => void,
  encodeAhead?: (encoder: GPUCommandEncoder) => void,
): void {
  const encoder = device.createCommandEncoder({ label });
  encodeAhead?.(encoder);
  const pass = encoder.beginComputePass({ label });
  encode(pass);
  pass.end();
  device.queue.submit([encoder.finish()]);
}
