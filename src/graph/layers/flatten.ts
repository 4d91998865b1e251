import { planTranspose } from '../../ops/transpose.js';
import type { LayerPlan } from '../layerPlans.js';
import type { FlattenLayer } from '../network.js';

/** An image as a row: pixels by channels turned into channels by pixels. */
export const flatten: LayerPlan<FlattenLayer> = {
  forward({ shapes, precision, tensor, output, append }, { inputs }) {
    const [batch, height, width, channels] = shapes.get(inputs[0]!)!;
    const image = { batch, rows: height * width, columns: channels };
    append(planTranspose(image, { precision }), { input: tensor(inputs[0]!), output });
  },
  backward({ shapes, precision, gradient, contribute, append }, { inputs }) {
    const [batch, height, width, channels] = shapes.get(inputs[0]!)!;
    const row = { batch, rows: channels, columns: height * width };
    contribute(inputs[0]!, (output, accumulate) =>
      append(planTranspose(row, { accumulate, precision }), { input: gradient, output }),
    );
  },
};
