import { planTranspose, type TransposeShape } from '../../ops/transpose.js';
import type { LayerPlan } from '../layerPlans.js';
import type { ShuffleLayer } from '../network.js';
import type { Shape } from '../shapes.js';

/** Every pixel's channels as a matrix, group by group, that is turned round. */
export const shuffle: LayerPlan<ShuffleLayer> = {
  forward({ shapes, precision, tensor, output, append }, layer) {
    const source = layer.inputs[0]!;
    append(planTranspose(matrices(layer, shapes.get(source)!), { precision }), { input: tensor(source), output });
  },
  backward({ shapes, precision, gradient, contribute, append }, layer) {
    const source = layer.inputs[0]!;
    const { batch, rows, columns } = matrices(layer, shapes.get(source)!);
    contribute(source, (output, accumulate) =>
      append(planTranspose({ batch, rows: columns, columns: rows }, { accumulate, precision }), {
        input: gradient,
        output,
      }),
    );
  },
};

function matrices({ groups }: ShuffleLayer, [batch, height, width, channels]: Shape): TransposeShape {
  return { batch: batch * height * width, rows: groups, columns: channels / groups };
}
