import { checkConvolution } from '../../src/ops/convolution/shape.js';
import { checkSame, sumTolerance } from '../check.js';
import { bindOperation, type ConvolutionPass, convolutionCase, planPass } from '../ours.js';
import type { Row } from '../rows.js';
import { type NamedShape, namedShapes } from '../shapes.js';
import { type Bench, preparedNote, rowOf, type Task } from '../tasks.js';
import { timePair } from '../timing.js';

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
    const ours = keep(await bindOperation(device, await planPass(side, shape, pass), values));
    const theirs = peer && keep(await peer.convolution[pass]!(shape, values));
    ours.submit(1);
    if (theirs) checkSame(await ours.output(), await theirs.output(), sumTolerance(terms));
    const samples = await timePair(device, ours, theirs, { seconds });
    const { multiplyAdds } = checkConvolution('bench', shape);
    return rowOf(head, samples, {
      peer,
      family: ours.family,
      multiplyAdds,
      ...(ours.prepared && { note: preparedNote }),
    });
  }
}
