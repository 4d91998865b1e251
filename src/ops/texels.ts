import transposeText from '../../kernels/filter_transpose_to_texture.wgsl?raw';
import filters1 from '../../kernels/shared/filters_texture_1.wgsl?raw';
import filters2 from '../../kernels/shared/filters_texture_2.wgsl?raw';
import filters4 from '../../kernels/shared/filters_texture_4.wgsl?raw';
import storeBuffer from '../../kernels/shared/store_buffer.wgsl?raw';
import store1 from '../../kernels/shared/store_texture_1.wgsl?raw';
import store2 from '../../kernels/shared/store_texture_2.wgsl?raw';
import store4 from '../../kernels/shared/store_texture_4.wgsl?raw';
import copyText from '../../kernels/tensor_to_texture.wgsl?raw';
import { type ConvolutionGeometry, geometryConstants } from './convolution.js';
import { type KernelStep, type TextureOperand, threadGroups } from './plan.js';
import { type VectorWidth, vectorText, vectorWidths } from './vectors.js';

/*
 * Tensors in textures. llvmpipe writes every read of a buffer out lane by lane, with two branches each, and reads a texture
 * with plain loads: a third of the time. A texel holds a vector of channels; rows of texels follow one another as memory does.
 */

/** Texels of a row: few enough for every device, and enough for 268 MB in the rows that every device allows. */
const rowTexels = 2048;
const mostRows = 8192;

/** Vectors of a thread: one alone would cost as much as its workgroup's start. */
const threadVectors = 8;

const formats = { 1: 'r32float', 2: 'rg32float', 4: 'rgba32float' } as const;
const filterTexts = { 1: filters1, 2: filters2, 4: filters4 };
const storeTexts = { 1: store1, 2: store2, 4: store4 };

/** What kernels have to know of textures. */
export const texelConstants = { TEXTURE_WIDTH: rowTexels };

/** The shared text that reads a convolution's filters from a texture. */
export function filterTexelsText(vector: VectorWidth): string {
  return filterTexts[vector];
}

/** The shared text of `store`, which writes to a buffer, or where a vector's width is given to a texture. */
export function storeText(texels?: VectorWidth): string {
  return texels === undefined ? storeBuffer : storeTexts[texels];
}

/** Whether a tensor of so many values fits into a texture. */
export function fitsTexture(values: number, vector: VectorWidth): boolean {
  return values <= rowTexels * mostRows * vector;
}

/** A texture for a tensor; `use` as of a {@link TextureOperand}. */
export function tensorTexture(values: number, vector: VectorWidth, use?: TextureOperand['use']): TextureOperand {
  const height = Math.ceil(values / vector / rowTexels);
  return {
    kind: 'storageTexture',
    width: rowTexels,
    height,
    format: formats[vector],
    ...(use !== undefined && { use }),
  };
}

/** Values of a texel of {@link tensorTexture}. */
export function texelVector({ format }: TextureOperand): VectorWidth {
  return vectorWidths.find((width) => formats[width] === format)!;
}

/** Copies a tensor into a texture. */
export function tensorToTexture(values: number, vector: VectorWidth, input: string, stored: string): KernelStep {
  return {
    kernel: { name: 'tensor_to_texture', text: copyText, shared: [vectorText(vector), storeText(vector)] },
    constants: { COUNT: values, ...texelConstants },
    workgroups: threadGroups(values / vector / threadVectors),
    operands: { input, stored },
  };
}

/** Turns filters round on their way into a texture; the geometry is that of the convolution that reads them there. */
export function filterTransposeToTexture(
  geometry: ConvolutionGeometry,
  vector: VectorWidth,
  filters: string,
  stored: string,
): KernelStep {
  const { FILTER_HEIGHT, FILTER_WIDTH, GROUPS, GROUP_IN, GROUP_OUT } = geometryConstants(geometry);
  return {
    kernel: {
      name: 'filter_transpose_to_texture',
      text: transposeText,
      shared: [vectorText(vector), storeText(vector)],
    },
    constants: {
      FILTER_HEIGHT: FILTER_HEIGHT!,
      FILTER_WIDTH: FILTER_WIDTH!,
      GROUPS: GROUPS!,
      GROUP_IN: GROUP_IN!,
      GROUP_OUT: GROUP_OUT!,
      ...texelConstants,
    },
    workgroups: threadGroups(geometry.filterBytes / 4 / vector / threadVectors),
    operands: { filters, stored },
  };
}
