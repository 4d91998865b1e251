import { timePair } from '../../measure/samples.js';
import { checkConvolution } from '../../ops/convolution/shape.js';
import { checkSame, sumTolerance } from '../check.js';
import { bindOperation, type ConvolutionPass, convolutionCase, type Operation, type Ours, planPass } from '../ours.js';
import type { Row } from '../rows.js';
import { type NamedShape, namedShapes } from '../shapes.js';
import { type Bench, fullCounterpart, inFloat32, preparedNote, rowOf, type Task } from '../tasks.js';

const passes: readonly ConvolutionPass[] = ['forward', 'inputGradient', 'filterGradient'];

/** Every pass of every distinct convolution, beside the same in another library. */
export function convolutionTasks(): Task[] {
  return namedShapes().flatMap((named) => passes.map((pass) => convolutionTask(named, pass)));
}

function convolutionTask({ name, shape }: NamedShape, pass: ConvolutionPass): Task {
  const head = { suite: 'conv', name, pass } as const;
  return { ...head, covers: ({ convolution }) => convolution[pass] !== undefined, run };

  async function run({ device, ours: side, peer, seconds, keep }: Bench): Promise<Row> {
    const { values, terms } = convolutionCase(shape, pass);
    const make = async (on: Ours): Promise<Operation> =>
      keep(await bindOperation(device, await planPass(on, shape, pass), values));
    const ours = await make(side);
    ours.submit(1);
    const full = await fullCounterpart(side, make);
    full?.submit(1);
    const theirs = peer && keep(await peer.convolution[pass]!(shape, values));
    const tolerance = sumTolerance(terms, side.precision);
    for (const other of [full, theirs]) {
      if (other) checkSame(await ours.output(), await other.output(), tolerance);
    }
    const samples = await timePair(device, ours, theirs ?? full, { seconds });
    const { multiplyAdds } = checkConvolution('bench', shape);
    return rowOf(head, samples, {
      peer: peer ?? (full && inFloat32),
      family: ours.family,
      multiplyAdds,
      ...(ours.prepared && { note: preparedNote }),
    });
  }
}
