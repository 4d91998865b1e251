import { timePair } from '../../measure/samples.js';
import { type CompleteConvolution, checkConvolution } from '../../ops/convolution/shape.js';
import { checkSame, sumTolerance } from '../check.js';
import { bindOperation, convolutionCase, planPass } from '../ours.js';
import type { Row } from '../rows.js';
import { type NamedShape, namedShapes } from '../shapes.js';
import { type Bench, plainConvolution, preparedNote, rowOf, type Task } from '../tasks.js';
import { uniformValues, type Values } from '../values.js';

/** What the IC unit costs: IC convolutions beside plain ones of this package, and beside IC convolutions of other libraries. */
export function icTasks(): Task[] {
  return namedShapes().map(icTask);
}

function icTask({ name, shape }: NamedShape): Task {
  const head = { suite: 'ic', name, pass: 'forward' } as const;
  return { ...head, covers: ({ icConvolution }) => icConvolution !== undefined, alone: true, run };

  async function run({ device, ours, peer, seconds, keep }: Bench): Promise<Row> {
    const { values, terms } = convolutionCase(shape, 'forward');
    const adjust = uniformValues(shape.outChannels, 4);
    const ic = keep(
      await bindOperation(device, await planPass(ours, shape, 'forward', 'output'), { ...values, adjust }),
    );
    const plain = keep(await bindOperation(device, await planPass(ours, shape, 'forward'), values));
    ic.submit(1);
    plain.submit(1);
    const expected = icOutput(await plain.output(), windowSums(shape, values.input!), adjust, shape.groups);
    // z twice, and adjust times the window sum.
    const tolerance = 3 * sumTolerance(terms, ours.precision);
    checkSame(await ic.output(), expected, tolerance);
    const theirs = peer && keep(await peer.icConvolution!(shape, { ...values, adjust }));
    if (theirs) checkSame(await ic.output(), await theirs.output(), tolerance);
    const samples = await timePair(device, ic, theirs ?? plain, { seconds });
    const { multiplyAdds } = checkConvolution('bench', shape);
    return rowOf(head, samples, {
      peer: peer ?? plainConvolution,
      family: ic.family,
      multiplyAdds,
      ...(ic.prepared && { note: preparedNote }),
    });
  }
}

/** y = z + relu(z - adjust S) */
function icOutput(plain: Float32Array, sums: Float32Array, adjust: Values, groups: number): Float32Array {
  const groupOut = adjust.length / groups;
  return plain.map((z, i) => z + Math.max(0, z - adjust[i % adjust.length]! * sums[Math.floor(i / groupOut)]!));
}

/** The sum of each group's input under each output's window, [batch, outHeight, outWidth, groups]. */
export function windowSums(shape: CompleteConvolution, input: Values): Float32Array {
  const { batch, outHeight, outWidth } = checkConvolution('bench', shape);
  const { inHeight, inWidth, inChannels, kernel, stride, padding, groups } = shape;
  const groupIn = inChannels / groups;
  const pixels = new Float64Array(batch * inHeight * inWidth * groups);
  for (let i = 0; i < input.length; i++) pixels[Math.floor(i / groupIn)]! += input[i]!;
  return new Float32Array(batch * outHeight * outWidth * groups).map((_, place) => {
    const group = place % groups;
    const index = Math.floor(place / groups);
    const image = Math.floor(index / (outHeight * outWidth));
    const top = (Math.floor(index / outWidth) % outHeight) * stride[0] - padding[0];
    const left = (index % outWidth) * stride[1] - padding[1];
    let sum = 0;
    for (let y = Math.max(top, 0); y < Math.min(top + kernel[0], inHeight); y++) {
      for (let x = Math.max(left, 0); x < Math.min(left + kernel[1], inWidth); x++) {
        sum += pixels[((image * inHeight + y) * inWidth + x) * groups + group]!;
      }
    }
    return sum;
  });
}
