import * as jax from '@jax-js/jax';
import type { PeerOperation } from '../../../src/compare/peers/peer.js';
import { type Padding, sidesOf } from '../../../src/ops/windows.js';

/** Sizes of windows along height and width. */
interface Geometry {
  readonly stride: readonly [number, number];
  readonly padding: Padding;
  readonly dilation: readonly [number, number];
  readonly groups: number;
}

/** A tensor on the device. */
export function tensor(values: Float32Array, shape: readonly number[]): jax.Array {
  return jax.numpy.array(values, { shape: [...shape] });
}

/** A convolution of [images, channels, height, width] with [out, in, height, width]; takes both over, as all of jax-js does. */
export function convolution(x: jax.Array, w: jax.Array, { stride, padding, dilation, groups }: Geometry): jax.Array {
  const [top, left, bottom, right] = sidesOf(padding);
  const pads: [number, number][] = [
    [top, bottom],
    [left, right],
  ];
  return jax.lax.convGeneralDilated(x, w, [...stride], pads, { rhsDilation: [...dilation], featureGroupCount: groups });
}

/**
 * A compiled function that is run again and again.
 *
 * @param inputs - disposed of with it
 * @param layout - brings what it computes into this package's layout
 */
export function jaxOperation(
  awake: boolean,
  compiled: jax.OwnedFunction<(...inputs: jax.Array[]) => jax.Array>,
  inputs: readonly jax.Array[],
  layout: (data: Float32Array) => Float32Array,
): PeerOperation {
  const run = (): jax.Array => compiled(...inputs.map((input) => input.ref));
  return {
    awake,
    submit(runs) {
      for (let i = 0; i < runs; i++) submit(run());
    },
    output: async () => layout((await run().data()) as Float32Array),
    dispose() {
      compiled.dispose();
      for (const input of inputs) input.dispose();
    },
  };
}

/** Submits what computes a tensor, which is then let go. jax-js computes nothing before somebody asks for its buffer. */
export function submit(result: jax.Array): void {
  result.gpuBufferSync();
}
