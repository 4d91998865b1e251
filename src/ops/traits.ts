import { isSoftware } from '../device/adapter.js';
import { subgroupsOf } from '../device/device.js';
import type { ChooseForm, RankedForm } from './forms.js';
import type { Machine } from './machine.js';
import { machineByName, softwareMachine, unknownMachine } from './machineTable.js';
import type { MatrixUnits } from './matrixUnits.js';

/** What of a device decides which kernel an operation takes. */
export interface DeviceTraits {
  /** Invocations of every subgroup, where kernels can count on one size. */
  readonly subgroup?: number;
  /** Whether they have to ask for that size, which needs the feature `subgroup-size-control`; false where left out. */
  readonly pinned?: boolean;
  /** Whether a processor does the work of a GPU: loads are dear there, and barriers dearer. */
  readonly software?: boolean;
  /** What runs side by side, and how fast; by the other traits where left out. */
  readonly machine?: Machine;
  /** Whether kernels may multiply in float16, which needs the feature `shader-f16`; false where left out. */
  readonly half?: boolean;
  /** Matrix units that kernels may use, which multiply in float16: those of a device that was asked for with them. */
  readonly matrix?: MatrixUnits;
  /** Whether kernels read textures much faster than buffers, as on llvmpipe; false where left out. */
  readonly textures?: boolean;
  /** Bytes that a form may use beyond the operation's inputs and outputs; any number where left out. */
  readonly scratch?: number;
  /** Bytes that the parts of a split reduction may take; as `scratch` where left out. */
  readonly parts?: number;
  /** The largest {@link RankedForm.body} to choose where nothing is measured; 300 where left out. */
  readonly largestBody?: number;
  /** Picks a form for an operation; by the cost model where left out. */
  readonly choose?: ChooseForm;
  /** Remembers which forms operations have on one machine, so that planning them again takes less; begin with an empty one. */
  readonly offers?: Map<string, readonly RankedForm[]>;
}

/** On llvmpipe, which compiles several times as long as SwiftShader, and longest what has barriers, as tiles without subgroups do. */
const llvmpipeBody = { withSubgroups: 190, withoutSubgroups: 32 };

const measured = new WeakMap<GPUDevice, Machine>();

/** Lets everything that is planned for a device from now on know what was measured of it. */
export function knowMachine(device: GPUDevice, machine: Machine): void {
  measured.set(device, machine);
}

const matrixUnits = new WeakMap<GPUDevice, MatrixUnits>();

/** Lets everything that is planned for a device from now on use its matrix units. */
export function knowMatrixUnits(device: GPUDevice, units: MatrixUnits): void {
  matrixUnits.set(device, units);
}

/** The traits of a device: subgroups of one size, whether it is software, what was measured of it or it is taken for; `choose` is
 * passed on. */
export function deviceTraits(device: GPUDevice, choose?: ChooseForm): DeviceTraits {
  const subgroups = subgroupsOf(device);
  const software = isSoftware(device.adapterInfo);
  const own = { software, ...(subgroups && { subgroup: subgroups.size, pinned: subgroups.pinned }) };
  const matrix = matrixUnits.get(device);
  const llvmpipe = processorOf(own) === 'llvmpipe' && device.adapterInfo.architecture !== 'swiftshader';
  return {
    ...own,
    machine: measured.get(device) ?? (software ? softwareMachine : machineByName(device.adapterInfo)),
    textures: llvmpipe && subgroups !== undefined,
    ...(matrix && { matrix }),
    ...(llvmpipe && { largestBody: llvmpipeBody[subgroups ? 'withSubgroups' : 'withoutSubgroups'] }),
    ...(choose && { choose }),
  };
}

/** The traits of a device for planning the same operations several times. */
export function planningTraits(device: GPUDevice, choose?: ChooseForm): DeviceTraits {
  return { ...deviceTraits(device, choose), offers: new Map() };
}

/** What kernels run on, by what is dear there. */
export type Processor = 'gpu' | 'swiftShader' | 'llvmpipe';

/**
 * What kernels run on: a GPU, whatever the size of its subgroups, unless a processor plays one. Of those SwiftShader has four
 * lanes; llvmpipe has eight, and is what another one is taken for.
 */
export function processorOf({ software, subgroup }: DeviceTraits): Processor {
  if (!software) return 'gpu';
  return subgroup !== undefined && subgroup <= 4 ? 'swiftShader' : 'llvmpipe';
}

/** The machine that costs are counted for. */
export function machineOf({ machine, software }: DeviceTraits): Machine {
  return machine ?? (software ? softwareMachine : unknownMachine);
}
