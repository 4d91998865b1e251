import { createBuffer, destroyBuffer, readBuffer } from '../device/buffers.js';
import { lifetime } from '../device/lifetime.js';
import { type BufferRange, tensorBytes } from '../ops/plan.js';
import type { PrecisionOptions } from '../ops/precision.js';
import type { CompileOptions } from './compile.js';
import { compileForward } from './inference.js';
import { activityFilters, activityMap, planInspection } from './inspectionPlan.js';
import { alignUp } from './memory.js';
import { isICUnit } from './network.js';
import { inferShapes, type Shape } from './shapes.js';
import type { NetworkState } from './state.js';

/** How often the second term of one IC unit, relu(z - a S), fires over some images. */
export interface LayerActivity {
  /** The layer's name. */
  readonly layer: string;
  /** Of the convolution's output; 1 of a fully connected layer. */
  readonly height: number;
  /** Of the convolution's output; 1 of a fully connected layer. */
  readonly width: number;
  /** How many it has. */
  readonly filters: number;
  /** Share of all images, pixels and filters. */
  readonly share: number;
  /** Filter by filter the share of images and pixels, [filters]. */
  readonly filterShares: Float32Array;
  /** Image by image and pixel by pixel the share of filters, [images, height, width]. */
  readonly maps: Float32Array;
}

/** What a network does with some images, looked at from inside. */
export interface InspectionResult {
  /** How many there were. */
  readonly images: number;
  /** [images, classes] */
  readonly logits: Float32Array;
  /** Every IC unit in the network's order; none of a plain network. */
  readonly layers: readonly LayerActivity[];
}

/** A network compiled for looking inside. */
export interface Inspection {
  /** Images of one run at most. */
  readonly batch: number;
  /** [batch, height, width, channels] */
  readonly inputShape: Shape;
  /**
   * Looks at up to `batch` images, NHWC and normalised. Any number of calls may go on at once, as of `InferenceNetwork.run`.
   *
   * @throws ShapeError for no Float32Array and another number of values, BusyError while weights are loaded into the state,
   * DisposedError, DeviceLostError where the device is gone; in float16 NumericError as of `InferenceNetwork.run`.
   */
  run(images: Float32Array): Promise<InspectionResult>;
  /** Frees what the inspection owns; the state stays. */
  dispose(): void;
}

/** An IC unit and where its counts lie in the buffer of all counts, in elements. */
interface Place {
  readonly layer: string;
  readonly shape: Shape;
  readonly map: number;
  readonly filters: number;
}

/**
 * Compiles inference that also counts where the second term of every IC unit fires. It takes the running statistics
 * for batch norm, as inference does. In float16 it looks at what inference in float16 computes.
 *
 * @throws ShapeError, LimitError, UnsupportedError, DisposedError, DeviceLostError; the signal's reason when aborted.
 */
export async function compileInspection(
  state: NetworkState,
  options: CompileOptions & PrecisionOptions & { readonly batch: number },
): Promise<Inspection> {
  const { device } = state;
  state.assertUsable('compile');
  const { places, bytes } = placeCounts(state, options.batch);
  const counts = createBuffer(device, { label: 'activity', size: Math.max(bytes, 4), usage: 0x80 | 0x04 });
  const results = new Map<string, BufferRange>();
  const put = (tensor: string, first: number, size: number): void => {
    results.set(tensor, { buffer: counts, offset: 4 * first, size });
  };
  for (const { layer, shape, map, filters } of places) {
    put(activityMap(layer), map, tensorBytes(...shape.slice(0, 3)));
    put(activityFilters(layer), filters, tensorBytes(shape[0], shape[3]));
  }
  const network = await compileForward(state, { ...options, logits: true }, planInspection, results).catch(
    (error: unknown) => {
      destroyBuffer(device, counts);
      throw error;
    },
  );
  const life = lifetime(
    device,
    'inspection',
    () => {
      network.dispose();
      destroyBuffer(device, counts);
    },
    state,
  );
  return {
    batch: options.batch,
    inputShape: network.inputShape,
    async run(images) {
      life.assertUsable('run');
      const running = network.run(images);
      // Asked for at once, so that the copy comes ahead of the next run; a refused run has nothing to read.
      const reading = readBuffer(device, counts);
      const [logits, read] = await Promise.all([running, reading]);
      const all = new Uint32Array(read);
      const count = images.length / (network.inputShape[1] * network.inputShape[2] * network.inputShape[3]);
      return { images: count, logits, layers: places.map((place) => activityOf(place, all, count)) };
    },
    dispose: life.dispose,
  };
}

function placeCounts({ device, network }: NetworkState, batch: number): { places: Place[]; bytes: number } {
  const shapes = inferShapes(network, batch);
  const alignment = Math.max(device.limits.minStorageBufferOffsetAlignment, 16) / 4;
  let end = 0;
  const take = (elements: number): number => {
    const first = end;
    end = alignUp(first + elements, alignment);
    return first;
  };
  const places = network.layers.filter(isICUnit).map(({ name }): Place => {
    const shape = shapes.get(name)!;
    const [images, height, width, channels] = shape;
    return { layer: name, shape, map: take(images * height * width), filters: take(images * channels) };
  });
  return { places, bytes: 4 * end };
}

function activityOf({ layer, shape, map, filters }: Place, counts: Uint32Array, images: number): LayerActivity {
  const [, height, width, channels] = shape;
  const pixels = height * width;
  const maps = Float32Array.from(counts.subarray(map, map + images * pixels), (fired) => fired / channels);
  const byFilter = new Float64Array(channels);
  counts.subarray(filters, filters + images * channels).forEach((fired, index) => {
    byFilter[index % channels]! += fired;
  });
  const fired = byFilter.reduce((sum, value) => sum + value, 0);
  return {
    layer,
    height,
    width,
    filters: channels,
    share: fired / (images * pixels * channels),
    filterShares: Float32Array.from(byFilter, (value) => value / (images * pixels)),
    maps,
  };
}
