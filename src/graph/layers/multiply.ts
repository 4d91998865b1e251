import { type MultiplyShape, planGateGradient, planMultiply } from '../../ops/multiply.js';
import type { LayerPlan } from '../layerPlans.js';
import type { MultiplyLayer } from '../network.js';
import type { Shape } from '../shapes.js';

/** A product, or one with a gate for each channel of an image. */
export const multiply: LayerPlan<MultiplyLayer> = {
  forward({ shapes, precision, tensor, output, append }, { inputs }) {
    const { shape, gate } = product(inputs, shapes);
    const [left, right] = inputs.map(tensor);
    append(planMultiply(shape, { gate, precision }), { left: left!, right: right!, output });
  },
  backward({ shapes, precision, tensor, gradient, contribute, append }, { inputs }) {
    const { shape, gate } = product(inputs, shapes);
    const [left, right] = inputs as [string, string];
    contribute(left, (output, accumulate) =>
      append(planMultiply(shape, { gate, accumulate, precision }), { left: gradient, right: tensor(right), output }),
    );
    contribute(right, (output, accumulate) => {
      const plan = gate
        ? planGateGradient(shape, { accumulate, precision })
        : planMultiply(shape, { accumulate, precision });
      const factor = tensor(left);
      append(
        plan,
        gate ? { gradient, input: factor, gateGradient: output } : { left: gradient, right: factor, output },
      );
    });
  },
};

function product(
  [left, right]: readonly string[],
  shapes: ReadonlyMap<string, Shape>,
): { readonly shape: MultiplyShape; readonly gate: boolean } {
  const [batch, height, width, channels] = shapes.get(left!)!;
  const [, otherHeight, otherWidth] = shapes.get(right!)!;
  const gate = height !== otherHeight || width !== otherWidth;
  return { shape: { batch, pixels: height * width, channels }, gate };
}
