import filterBuffer from '../../../kernels/shared/filters_buffer.wgsl?raw';
import filterTexture from '../../../kernels/shared/filters_texture.wgsl?raw';
import inputBuffer from '../../../kernels/shared/input_buffer.wgsl?raw';
import inputTexture from '../../../kernels/shared/input_texture.wgsl?raw';
import storeBuffer from '../../../kernels/shared/store_buffer.wgsl?raw';
import storeTexture from '../../../kernels/shared/store_texture.wgsl?raw';
import placeText from '../../../kernels/shared/texture_place.wgsl?raw';
import copyText from '../../../kernels/tensor_to_texture.wgsl?raw';
import { type KernelStep, type TextureOperand, threadGroups } from '../plan.js';
import { storedTexts } from '../precision.js';
import { filtersText } from './filters.js';

/*
 * Tensors in textures. llvmpipe writes every read of a buffer out lane by lane, with two branches each, and reads a texture
 * with plain loads: a third of the time. A texel holds four channels; rows of texels follow one another as memory does.
 */

/** Texels of a row: few enough for every device, and enough for 268 MB in the rows that every device allows. */
const rowTexels = 2048;
const mostRows = 8192;
const texelValues = 4;
/** Vectors of a thread: one alone would cost as much as its workgroup's start. */
const threadVectors = 8;

/** What kernels that may read or write a texture have to know of it. */
export const texelConstants = { TEXTURE_WIDTH: rowTexels };

/** The shared texts that read a convolution's filters, and with `input` its input, from a texture. */
export function textureTexts(input: boolean): string[] {
  return [placeText, filtersText(false), filterTexture, input ? inputTexture : inputBuffer];
}

/** The shared texts that read a convolution's filters, turned round or not, and its input from buffers. */
export function bufferTexts(turned: boolean): string[] {
  return [placeText, filtersText(turned), filterBuffer, inputBuffer];
}

/** The shared texts of `store`, which writes vectors of 4 to a texture, or vectors of any width to a buffer. */
export function storeTexts(texture: boolean): string[] {
  return [placeText, texture ? storeTexture : storeBuffer];
}

/** Whether a tensor of so many values fits into a texture. */
export function fitsTexture(values: number): boolean {
  return values % texelValues === 0 && values <= rowTexels * mostRows * texelValues;
}

/** A texture for a tensor; `use` as of a {@link TextureOperand}. */
export function tensorTexture(values: number, use?: TextureOperand['use']): TextureOperand {
  const height = Math.ceil(values / texelValues / rowTexels);
  return { kind: 'storageTexture', width: rowTexels, height, format: 'rgba32float', ...(use && { use }) };
}

/** Copies a tensor into a texture. */
export function tensorToTexture(values: number, input: string, destination: string): KernelStep {
  return {
    kernel: {
      name: 'tensor_to_texture',
      text: copyText,
      shared: [...storedTexts(texelValues, 'float32'), ...storeTexts(true)],
    },
    constants: { COUNT: values, ...texelConstants },
    workgroups: threadGroups(values / texelValues / threadVectors),
    operands: { input, destination },
  };
}
