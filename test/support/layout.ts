type Floats = Float32Array | Float64Array;
type Shape4 = readonly [number, number, number, number];

/** Reorders four axes: axis i of the result is axis order[i] of the data. */
export function permute<T extends Floats>(data: T, shape: Shape4, order: Shape4): T {
  const strides = [shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3], 1];
  const [a, b, c, d] = order.map((axis) => ({ size: shape[axis]!, stride: strides[axis]! }));
  const result = data.slice() as T;
  let at = 0;
  for (let i = 0; i < a!.size; i++) {
    for (let j = 0; j < b!.size; j++) {
      for (let k = 0; k < c!.size; k++) {
        for (let l = 0; l < d!.size; l++) {
          result[at++] = data[i * a!.stride + j * b!.stride + k * c!.stride + l * d!.stride]!;
        }
      }
    }
  }
  return result;
}

/** @param shape that of the data, [N,C,H,W] */
export const nchwToNhwc = <T extends Floats>(data: T, shape: Shape4): T => permute(data, shape, [0, 2, 3, 1]);

/** @param shape that of the data, [N,H,W,C] */
export const nhwcToNchw = <T extends Floats>(data: T, shape: Shape4): T => permute(data, shape, [0, 3, 1, 2]);

/** @param shape that of the data, [K, Cin/groups, R, S] */
export const oihwToHwio = <T extends Floats>(data: T, shape: Shape4): T => permute(data, shape, [2, 3, 1, 0]);

/** @param shape that of the data, [R, S, Cin/groups, K] */
export const hwioToOihw = <T extends Floats>(data: T, shape: Shape4): T => permute(data, shape, [3, 2, 0, 1]);
