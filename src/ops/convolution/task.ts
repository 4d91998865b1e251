import naiveText from '../../../kernels/conv2d_naive.wgsl?raw';
import type { Constants } from '../../wgsl/constants.js';
import { noActivation } from '../activation.js';
import { chooseByCost, planChosen } from '../choose.js';
import { type Family, type Form, type FormRequest, type OfferedForm, rankForms } from '../forms.js';
import { offer } from '../offers.js';
import {
  type KernelStep,
  type Operand,
  type OperationPlan,
  renameOperands,
  type TextureOperand,
  threadGroups,
} from '../plan.js';
import { storedOperand, storedTexts } from '../precision.js';
import { type DeviceTraits, machineOf, processorOf } from '../traits.js';
import type { Pair } from '../windows.js';
import { depthwiseForms, depthwiseStep } from './depthwise.js';
import type { BlockTile } from './depthwiseTiles.js';
import { filterTransposeStep } from './filterTranspose.js';
import { type OutputStep, type OutputWork, outputTexts } from './output.js';
import { type ConvolutionGeometry, filterCount, geometryConstants, inputCount, outputPixels } from './shape.js';
import { type SubgroupTile, subgroupForms, subgroupStep, type TextureCosts } from './subgroup.js';
import { tensorTexture, tensorToTexture } from './texels.js';
import { tiledForms, tiledSteps } from './tiled.js';
import { sumsApart, windowSumSteps } from './windowSums.js';
import {
  productGeometry,
  type WinogradTile,
  winogradFilterStep,
  winogradForm,
  winogradInputStep,
  winogradOutputStep,
  winogradScratch,
  winogradTiles,
} from './winograd.js';

/** What a convolution kernel does besides multiplying: kernels/shared/convolution_output.wgsl. */
export interface OutputFlags extends Constants {
  /** How the recalibration enters: 0 not at all, 1 adjust[k] * S, 2 S. */
  readonly ADJUST: number;
  /** Window sums that the kernel forms: 0 none, 1 plain, 2 weighted by adjust[c]. */
  readonly SUMS: number;
  /** Where in adjust the unit's offsets begin; 0 without them. */
  readonly OFFSETS: number;
  /** From one group's weights of the window sum to the next one's. */
  readonly ADJUST_STRIDE: number;
  readonly BIAS: boolean;
  readonly STORE_SUMS: boolean;
  /** Whether given window sums are added, times adjust[c] with SUMS_FACTOR. */
  readonly ADD_SUMS: boolean;
  readonly SUMS_FACTOR: boolean;
  /** Whether what the output holds is added to. */
  readonly ACCUMULATE: boolean;
  /** Whether mean and variance of what is stored are noted, in the place of a scale and shift. */
  readonly STATISTICS: boolean;
  /** Whether what does not fit into float16 is noted, in the place of the window sums. */
  readonly CHECKED: boolean;
}

/** A convolution, in whatever form: the operands of the bindings input, filters, output and those of the flags. */
export interface ConvolutionTask extends OutputWork {
  readonly operation: string;
  readonly geometry: ConvolutionGeometry;
  readonly flags: OutputFlags;
  readonly bindings: Readonly<Record<string, string>>;
  /** The input is read as if it had `up - 1` zeros between its pixels. */
  readonly up: Pair;
  /**
   * Whether the filters are those of the convolution whose input gradient this is: read from their last tap to the first, their
   * channels exchanged. Forms that cannot do so ({@link readsTurned}) take them turned round beforehand.
   */
  readonly turned: boolean;
  /** Whether the filters change seldom, so that what is made of them is made once. */
  readonly constantFilter: boolean;
  /** Whether the operands of forms that read textures are textures; they are made of the buffers otherwise. */
  readonly givenTextures?: boolean;
}

/** A task in one form. */
export interface ConvolutionSteps {
  readonly steps: readonly KernelStep[];
  readonly prepare: readonly KernelStep[];
  /** Scratch and prepared operands that the form needs. */
  readonly scratch: Readonly<Record<string, Operand>>;
  /** Textures that it needs. */
  readonly textures: Readonly<Record<string, TextureOperand>>;
  /** Of the step that stores the output. */
  readonly outputBlocks: number;
}

/** A shape in words. */
export function shapeKey(operation: string, shape: ConvolutionGeometry): string {
  const { batch, inHeight, inWidth, inChannels, outChannels, kernel, stride, padding, dilation, groups } = shape;
  const { precision } = shape;
  const window = `k${kernel.join('x')} s${stride.join('x')} p${padding.join('x')} d${dilation.join('x')} g${groups}`;
  const memory = precision === 'float32' ? '' : ` in ${precision}`;
  return `${operation} ${batch}x${inHeight}x${inWidth}x${inChannels} to ${outChannels} ${window}${memory}`;
}

/** The forms for a task but the naive one, whose kernel depends on the operation. */
export function convolutionForms(task: ConvolutionTask, traits: DeviceTraits): OfferedForm[] {
  return [...directForms(task, traits), ...winogradForms(task, traits)];
}

/** A value's way from a buffer into a texture, or what storing it there costs more than in a buffer, by the multiply-add. */
const intoTexture = { made: 60, given: 20 };

function directForms(task: Omit<ConvolutionTask, 'flags' | 'bindings'>, traits: DeviceTraits): OfferedForm[] {
  const { geometry, up, turned, constantFilter, givenTextures } = task;
  const cost = intoTexture[givenTextures ? 'given' : 'made'];
  const textures: TextureCosts = { filters: constantFilter ? 0 : cost, input: cost };
  return [
    ...depthwiseForms(geometry, traits, up),
    ...subgroupForms(geometry, traits, up, turned && readsTurned('subgroup', traits), textures),
    ...tiledForms(geometry, traits, { up, turned, split: !givenTextures }),
  ];
}

function winogradForms(task: ConvolutionTask, traits: DeviceTraits): OfferedForm[] {
  if (task.up.some((size) => size > 1)) return [];
  return winogradTiles(task.geometry).flatMap((tile) => {
    const scratch = Object.values(winogradScratch(task.geometry, tile, task.flags.SUMS !== 0, task.constantFilter));
    if (scratch.reduce((sum, { bytes }) => sum + bytes, 0) > (traits.scratch ?? Number.POSITIVE_INFINITY)) return [];
    const products = rankForms(directForms(productTask(task, tile), traits), machineOf(traits));
    if (products.length === 0) return [];
    const product = chooseByCost({ ...traits, forms: products });
    return [winogradForm(task.geometry, tile, product, traits, task.constantFilter)];
  });
}

/** The kernel to check by eye: right for every task without `up`. */
export function naiveForm(geometry: ConvolutionGeometry): OfferedForm {
  const { multiplyAdds, outputBytes, inputBytes, filterBytes, outChannels } = geometry;
  const workgroups = threadGroups(outputPixels(geometry) * outChannels);
  const products = multiplyAdds / workgroups;
  // Two loads a multiply-add.
  const work = { workgroups, threads: 64, products, overhead: 40 * products };
  return { family: 'naive', tile: {}, work: [{ ...work, bytes: inputBytes + outputBytes + filterBytes }], body: 1 };
}

/** Whether a form reads turned filters in place. The lanes of a GPU share a load of filters, and want them side by side. */
export function readsTurned(family: Family, traits: DeviceTraits): boolean {
  return family !== 'subgroup' || processorOf(traits) !== 'gpu';
}

/** The dispatches of a task in a form of {@link convolutionForms} or, without `up`, the naive one. */
export function convolutionSteps(task: ConvolutionTask, form: Form, traits: DeviceTraits): ConvolutionSteps {
  const { flags, geometry, bindings } = task;
  const apart = flags.SUMS !== 0 && form.family === 'winograd' && sumsApart(geometry, traits);
  if (!apart) return stepsOf(task, form, traits);
  const sums = windowSumSteps(geometry, bindings.input!, flags.SUMS === 2 ? bindings.adjust! : undefined);
  const given = { ...flags, SUMS: 0, STORE_SUMS: false, GIVEN_SUMS: true };
  const rest = stepsOf({ ...task, flags: given, bindings: { ...bindings, window_sums: 'windowSums' } }, form, traits);
  return { ...rest, steps: [...sums.steps, ...rest.steps], scratch: { ...rest.scratch, ...sums.scratch } };
}

function stepsOf(task: ConvolutionTask, form: Form, traits: DeviceTraits): ConvolutionSteps {
  if (form.family === 'winograd') return winogradSteps(task, form.tile as unknown as WinogradTile, traits);
  if (form.tile.textures) return texturedSteps(task, form, traits);
  if (form.family === 'tiled' || form.family === 'matrix') {
    const { steps, scratch } = tiledSteps(task.geometry, task, task.bindings, form, task, traits);
    return { steps, prepare: [], scratch, textures: {}, outputBlocks: steps.at(-1)!.outputBlocks };
  }
  const step = directStep(task, form, traits);
  return { steps: [step], prepare: [], scratch: {}, textures: {}, outputBlocks: step.outputBlocks };
}

/** The convolution whose input gradient one with turned filters is. */
function exchanged(geometry: ConvolutionGeometry): ConvolutionGeometry {
  return { ...geometry, groupIn: geometry.groupOut, groupOut: geometry.groupIn };
}

/** A form that reads textures, with what brings its operands there. */
function texturedSteps(task: ConvolutionTask, form: Form, traits: DeviceTraits): ConvolutionSteps {
  const { textures } = form.tile as unknown as SubgroupTile;
  const { geometry, bindings, turned, constantFilter } = task;
  const filterValues = filterCount(geometry);
  const inputValues = inputCount(geometry);
  const filters = turned
    ? filterTransposeStep(exchanged(geometry), bindings.filters!, 'filterTexture', true)
    : tensorToTexture(filterValues, bindings.filters!, 'filterTexture');
  const input = textures > 1 ? [tensorToTexture(inputValues, bindings.input!, 'inputTexture')] : [];
  const given = {
    ...bindings,
    filters: 'filterTexture',
    ...(textures > 1 && { input: 'inputTexture' }),
  };
  const step = directStep({ ...task, bindings: given }, form, traits);
  return {
    prepare: constantFilter ? [filters] : [],
    steps: [...(constantFilter ? [] : [filters]), ...input, step],
    scratch: {},
    textures: {
      filterTexture: tensorTexture(filterValues, constantFilter ? 'prepared' : 'scratch'),
      ...(textures > 1 && { inputTexture: tensorTexture(inputValues, 'scratch') }),
    },
    outputBlocks: step.outputBlocks,
  };
}

function directStep(task: ConvolutionTask, form: Form, traits: DeviceTraits): OutputStep {
  const { geometry, flags, activation, bindings, up, turned } = task;
  if (form.family === 'subgroup') {
    return subgroupStep(geometry, task, bindings, form, traits, up, turned);
  }
  if (form.family === 'depthwise') {
    const tile = form.tile as unknown as BlockTile;
    return depthwiseStep(geometry, task, bindings, tile, up, turned);
  }
  if (form.family === 'tiled') return tiledSteps(geometry, task, bindings, form, task, traits).steps[0]!;
  return {
    kernel: {
      name: 'conv2d_naive',
      text: naiveText,
      shared: [...storedTexts(1, geometry.precision), ...outputTexts(geometry, activation)],
    },
    constants: { ...geometryConstants(geometry), ...flags },
    workgroups: threadGroups(outputPixels(geometry) * geometry.outChannels),
    operands: bindings,
    outputBlocks: outputPixels(geometry),
  };
}

function winogradSteps(task: ConvolutionTask, tile: WinogradTile, traits: DeviceTraits): ConvolutionSteps {
  const { geometry, flags, bindings, turned, constantFilter } = task;
  const adjusted = flags.SUMS !== 0;
  const product = planChosen(productRequest(task, tile, traits), traits);
  const { filter: filterTexture, input: inputTexture } = product.textures ?? {};
  const filter = winogradFilterStep(geometry, tile, bindings.filters!, turned, filterTexture !== undefined);
  const products = renameOperands(product.steps, {
    input: 'transformedInput',
    filter: 'transformedFilter',
    output: 'products',
    adjust: bindings.adjust!,
    windowSums: 'productSums',
  });
  const operands = winogradScratch(geometry, tile, adjusted, constantFilter);
  const { transformedInput, transformedFilter, ...between } = operands;
  const scratch = {
    ...between,
    ...(!inputTexture && { transformedInput: transformedInput! }),
    ...(!filterTexture && { transformedFilter: transformedFilter! }),
  };
  const textures = {
    ...(inputTexture && { transformedInput: { ...inputTexture, use: 'scratch' as const } }),
    ...(filterTexture && {
      transformedFilter: { ...filterTexture, use: constantFilter ? ('prepared' as const) : ('scratch' as const) },
    }),
  };
  const { input: _input, filters: _filters, ...outputBindings } = bindings;
  const outputStep = winogradOutputStep(geometry, tile, task, outputBindings);
  return {
    prepare: constantFilter ? [filter] : [],
    steps: [
      ...(constantFilter ? [] : [filter]),
      winogradInputStep(geometry, tile, bindings.input!, inputTexture !== undefined),
      ...products,
      outputStep,
    ],
    scratch,
    textures,
    outputBlocks: outputStep.outputBlocks,
  };
}

/** The product in the middle of a Winograd convolution: transforms store its operands wherever it wants them. */
function productTask(
  { geometry, constantFilter }: ConvolutionTask,
  tile: WinogradTile,
): Omit<ConvolutionTask, 'flags' | 'bindings'> {
  return {
    operation: 'winogradProduct',
    geometry: productGeometry(geometry, tile),
    up: [1, 1],
    turned: false,
    constantFilter,
    givenTextures: true,
    activation: noActivation.text,
  };
}

/** It is an operation of its own to choose a form for. */
function productRequest(task: ConvolutionTask, tile: WinogradTile, traits: DeviceTraits): FormRequest {
  const own = productTask(task, tile);
  const { operation, geometry } = own;
  const { SUMS } = task.flags;
  const bindings: Record<string, string> = { input: 'input', filters: 'filter', output: 'output' };
  const operands: Record<string, Operand> = {
    input: storedOperand(geometry.precision, 'input', inputCount(geometry)),
    filter: storedOperand(geometry.precision, 'input', filterCount(geometry)),
    output: { bytes: geometry.outputBytes, use: 'output' },
  };
  if (SUMS !== 0) {
    bindings.window_sums = 'windowSums';
    operands.windowSums = { bytes: geometry.windowSumBytes, use: 'output' };
  }
  if (SUMS === 2) {
    bindings.adjust = 'adjust';
    operands.adjust = { bytes: geometry.groupIn * 4, use: 'input' };
  }
  const flags = { ...plainFlags, SUMS, ADJUST_STRIDE: 0, STORE_SUMS: SUMS !== 0 };
  const product: ConvolutionTask = { ...own, flags, bindings };
  return {
    operation,
    key: shapeKey(operation, geometry),
    forms: offer(traits, own, () => [...directForms(own, traits), naiveForm(geometry)]),
    plan(form): OperationPlan {
      const { textures = 0 } = form.tile;
      const { input, filter, ...others } = operands;
      const steps = [directStep(product, form, traits)];
      return {
        operation,
        operands: { ...(textures < 2 && { input: input! }), ...(textures < 1 && { filter: filter! }), ...others },
        textures: {
          ...(textures > 0 && { filter: tensorTexture(filterCount(geometry)) }),
          ...(textures > 1 && { input: tensorTexture(inputCount(geometry)) }),
        },
        steps,
      };
    },
  };
}

/** A convolution that does nothing but multiply. */
export const plainFlags: OutputFlags = {
  ADJUST: 0,
  SUMS: 0,
  OFFSETS: 0,
  ADJUST_STRIDE: 0,
  BIAS: false,
  SCALE_SHIFT: false,
  RESIDUAL: false,
  IN_PLACE: false,
  ...noActivation.constants,
  SLOPES: false,
  STORE_SUMS: false,
  STATISTICS: false,
  GIVEN_SUMS: false,
  ADD_SUMS: false,
  SUMS_FACTOR: false,
  ACCUMULATE: false,
  CHECKED: false,
};
