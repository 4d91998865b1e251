import { timePair } from '../../measure/samples.js';
import { networkByName } from '../../models/networkByName.js';
import { summarise } from '../../models/summary.js';
import { checkSame, networkTolerance } from '../check.js';
import { type Ours, oursTraining, type Training, type TrainingSettings } from '../ours.js';
import type { Row } from '../rows.js';
import { type Bench, fullCounterpart, inFloat32, rowOf, type Task } from '../tasks.js';
import { seededState } from '../values.js';
import { imagesFor, sumLengths } from './model.js';

const batch = 32;
/**
 * Low: where rounding decides which IC units fire, the gradients of their recalibration weights jump, and at higher rates
 * two runs drift apart within a few steps.
 */
const settings: TrainingSettings = { learningRate: 0.001, momentum: 0.9 };
/** The second loss shows the gradients and the update, the third the momentum. */
const comparedSteps = 3;

/** Training steps, forward, backward and update, beside the same ones of another library. */
export function trainTasks(): Task[] {
  const network = networkByName('ic-resnet20');
  const head = { suite: 'train', name: `${network.name} b${batch}`, pass: 'step' } as const;
  return [{ ...head, covers: ({ training }) => training !== undefined, run }];

  async function run({ device, ours: side, peer, seconds, keep }: Bench): Promise<Row> {
    const values = seededState(network, 1);
    const images = imagesFor(network, batch);
    const labels = new Uint32Array(batch).map((_, i) => (7 * i + 3) % 10);
    const make = async (on: Ours): Promise<Training> =>
      keep(await oursTraining(on, network, values, images, labels, settings));
    const ours = await make(side);
    const full = await fullCounterpart(side, make);
    const theirs = peer && keep(await peer.training!(network, values, images, labels, settings));
    const losses = await lossesOf(ours);
    const tolerance = networkTolerance(sumLengths(network), side.precision) * losses[0]!;
    for (const other of [full, theirs]) {
      if (other) checkSame(losses, await lossesOf(other), tolerance);
    }
    const samples = await timePair(device, ours, theirs ?? full, { seconds });
    return rowOf(head, samples, {
      peer: peer ?? (full && inFloat32),
      family: 'network',
      multiplyAdds: stepMultiplyAdds(),
    });
  }

  async function lossesOf({ step }: { step(): Promise<number> }): Promise<number[]> {
    const losses: number[] = [];
    for (let taken = 0; taken < comparedSteps; taken++) losses.push(await step());
    return losses;
  }

  /** Forward, input gradient and filter gradient take the same; the first layer has no input gradient. */
  function stepMultiplyAdds(): number {
    const { multiplyAdds, layers } = summarise(network, batch);
    return 3 * multiplyAdds - layers[0]!.multiplyAdds;
  }
}
