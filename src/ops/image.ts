import externalText from '../../kernels/external_image_to_tensor.wgsl?raw';
import imageText from '../../kernels/image_to_tensor.wgsl?raw';
import resampleText from '../../kernels/shared/resample.wgsl?raw';
import outputText from '../../kernels/tensor_to_image.wgsl?raw';
import { ShapeError } from '../errors.js';
import type { Constants } from '../wgsl/constants.js';
import { checkShape } from './fields.js';
import { type OperationPlan, tensorBytes, threadGroups } from './plan.js';
import { elementText, type PrecisionOptions, storedOperand } from './precision.js';

/** A picture and the tensor [height, width, channels] that it becomes. */
export interface ImageToTensorShape {
  /** Of the picture, in pixels. */
  readonly imageWidth: number;
  /** Of the picture, in pixels. */
  readonly imageHeight: number;
  /** Of the tensor. */
  readonly width: number;
  /** Of the tensor. */
  readonly height: number;
  /** 1 (luminance), 3 (R, G, B) or 4 (with alpha). */
  readonly channels: 1 | 3 | 4;
}

/** A tensor [height, width, channels] that becomes a picture. */
export type TensorToImageShape = Pick<ImageToTensorShape, 'width' | 'height' | 'channels'>;

/** A rectangle of a picture, in pixels that need not be whole. */
export interface ImageRegion {
  /** Left edge, in pixels; may be a fraction. */
  readonly x: number;
  /** Upper edge, in pixels; may be a fraction. */
  readonly y: number;
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
}

/** What is done to the values of each channel, which lie between 0 and 1 in a picture. */
export interface ChannelNormalisation {
  /** Subtracted, one a channel; 0 where left out. */
  readonly mean?: readonly number[];
  /** Divided by, one a channel; 1 where left out. */
  readonly deviation?: readonly number[];
}

export interface ImageToTensorOptions extends ChannelNormalisation, PrecisionOptions {
  /** `external` reads a GPUExternalTexture, as of a VideoFrame; `texture` (default) any GPUTexture of float values. */
  readonly source?: 'texture' | 'external';
  /** The part of the picture that is wanted; all of it where left out. */
  readonly region?: ImageRegion;
  /**
   * How the region's shape becomes the tensor's: `fill` (default) stretches it, `cover` takes the largest part in the middle
   * with the tensor's aspect, `contain` shows all of it, and what lies beyond the picture is 0 before normalisation.
   */
  readonly fit?: 'fill' | 'cover' | 'contain';
  /** Averages what lies between the pixels of a smaller tensor, as Pillow does; bilinear alone without. Default true. */
  readonly antialias?: boolean;
}

/**
 * A picture on the GPU as one image of a batch: a rectangle of it resized, with channels chosen and normalised, without
 * going through the CPU.
 *
 *     output[y,x,c] = (resampled[y,x,c] - mean[c]) / deviation[c]
 *
 * Textures: image, at least imageWidth x imageHeight, with usage TEXTURE_BINDING. Operands: output [height, width, channels],
 * float32 or with `precision` float16, overwritten; the offset of an image within a batch has to be a multiple of 256 bytes.
 *
 * @throws ShapeError for a size that is no positive integer, a region that leaves the picture, means or deviations that are
 *   not one a channel, or a deviation that is 0.
 */
export function planImageToTensor(shape: ImageToTensorShape, options: ImageToTensorOptions = {}): OperationPlan {
  const operation = 'imageToTensor';
  const { imageWidth, imageHeight, width, height, channels } = shape;
  checkShape(operation, shape, { imageWidth, imageHeight, width, height, channels });
  const { mean, deviation } = checkNormalisation(operation, shape.channels, options);
  const { source, precision = 'float32' } = options;
  const external = source === 'external';
  const shared = [elementText(precision), resampleText];
  return {
    operation,
    operands: { output: storedOperand(precision, 'output', height, width, channels) },
    textures: { image: { kind: external ? 'externalTexture' : 'texture', width: imageWidth, height: imageHeight } },
    steps: [
      {
        kernel: external
          ? { name: 'external_image_to_tensor', text: externalText, shared }
          : { name: 'image_to_tensor', text: imageText, shared },
        constants: {
          IMAGE_WIDTH: imageWidth,
          IMAGE_HEIGHT: imageHeight,
          OUT_WIDTH: width,
          OUT_HEIGHT: height,
          CHANNELS: channels,
          ...samplingConstants(operation, shape, options),
          ...channelConstants(
            deviation.map((value) => 1 / value),
            mean.map((value, channel) => -value / deviation[channel]!),
          ),
        },
        workgroups: threadGroups(height * width),
        operands: { image: 'image', output: 'output' },
      },
    ],
  };
}

/**
 * One image of a batch as the pixels of a storage texture, the normalisation undone.
 *
 *     image[y,x,c] = deviation[c] * input[y,x,c] + mean[c], clamped to 0 ... 1; one channel is grey, alpha 1 where there is none
 *
 * Operands: input [height, width, channels], float32. Textures: image, at least width x height, rgba8unorm with usage
 * STORAGE_BINDING.
 *
 * @throws ShapeError as {@link planImageToTensor}.
 */
export function planTensorToImage(shape: TensorToImageShape, options: ChannelNormalisation = {}): OperationPlan {
  const operation = 'tensorToImage';
  const { width, height, channels } = shape;
  checkShape(operation, shape, { width, height, channels });
  const { mean, deviation } = checkNormalisation(operation, channels, options);
  return {
    operation,
    operands: { input: { bytes: tensorBytes(height, width, channels), use: 'input' } },
    textures: { image: { kind: 'storageTexture', width, height, format: 'rgba8unorm' } },
    steps: [
      {
        kernel: { name: 'tensor_to_image', text: outputText },
        constants: { WIDTH: width, HEIGHT: height, CHANNELS: channels, ...channelConstants(deviation, mean) },
        workgroups: threadGroups(height * width),
        operands: { input: 'input', image: 'image' },
      },
    ],
  };
}

/** Where the centres of the tensor's pixels lie in the picture. */
function samplingConstants(operation: string, shape: ImageToTensorShape, options: ImageToTensorOptions): Constants {
  const { imageWidth, imageHeight, width, height } = shape;
  const { fit = 'fill', antialias = true } = options;
  const region = options.region ?? { x: 0, y: 0, width: imageWidth, height: imageHeight };
  checkRegion(operation, shape, region);
  const stretched = [region.width / width, region.height / height] as const;
  const common = fit === 'cover' ? Math.min(...stretched) : Math.max(...stretched);
  const [stepX, stepY] = fit === 'fill' ? stretched : [common, common];
  const support = (step: number): number => (antialias ? Math.max(step, 1) : 1);
  return {
    STEP_X: { f32: stepX },
    STEP_Y: { f32: stepY },
    ORIGIN_X: { f32: region.x + (region.width - stepX * width) / 2 },
    ORIGIN_Y: { f32: region.y + (region.height - stepY * height) / 2 },
    SUPPORT_X: { f32: support(stepX) },
    SUPPORT_Y: { f32: support(stepY) },
    BORDER: fit === 'contain',
  };
}

function checkRegion(operation: string, { imageWidth, imageHeight }: ImageToTensorShape, region: ImageRegion): void {
  const { x, y, width, height } = region;
  const inside = x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= imageWidth && y + height <= imageHeight;
  if (inside) return;
  throw new ShapeError({
    operation,
    parameter: 'region',
    expected: `a rectangle inside ${imageWidth} x ${imageHeight} pixels`,
    got: `${width} x ${height} at ${x}, ${y}`,
  });
}

function checkNormalisation(operation: string, channels: number, options: ChannelNormalisation) {
  if (![1, 3, 4].includes(channels)) {
    throw new ShapeError({ operation, parameter: 'channels', expected: '1, 3 or 4', got: String(channels) });
  }
  const { mean = new Array<number>(channels).fill(0), deviation = new Array<number>(channels).fill(1) } = options;
  for (const [parameter, values] of Object.entries({ mean, deviation })) {
    const fits = values.length === channels && values.every(Number.isFinite);
    if (fits && (parameter === 'mean' || !values.includes(0))) continue;
    const expected = `${channels} numbers${parameter === 'deviation' ? ' other than 0' : ''}`;
    throw new ShapeError({ operation, parameter, expected, got: values.join(', ') });
  }
  return { mean, deviation };
}

/** Factor and summand of every channel; channels that the tensor lacks stay as they are. */
function channelConstants(scales: readonly number[], shifts: readonly number[]): Constants {
  return Object.fromEntries(
    [0, 1, 2, 3].flatMap((channel) => [
      [`SCALE_${channel}`, { f32: scales[channel] ?? 1 }],
      [`SHIFT_${channel}`, { f32: shifts[channel] ?? 0 }],
    ]),
  );
}
