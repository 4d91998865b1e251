import type { Contender } from '../../measure/samples.js';
import { networkByName } from '../../models/networkByName.js';
import { oursInference } from '../ours.js';
import type { Row } from '../rows.js';
import { type Bench, rowOf, type Task } from '../tasks.js';
import { seededState } from '../values.js';
import { imagesFor } from './model.js';

const pairs = 30;
const fewestPairs = 5;
/** Where computing takes long between the samples, fewer have to do. */
const longest = 60_000;
const note = 'encode: time of the calls that encode and submit one inference, not of computing it.';

/** What a CPU does for one inference as it is compiled by default: the calls until it is submitted, with nothing under way on the device. */
export function encodeTasks(): Task[] {
  const network = networkByName('ic-resnet50');
  const head = { suite: 'encode', name: `${network.name} b1`, pass: 'forward' } as const;
  return [{ ...head, covers: ({ inference, sharesDevice }) => sharesDevice && inference !== undefined, run }];

  async function run({ device, ours: side, peer, keep }: Bench): Promise<Row> {
    const values = seededState(network, 1);
    const images = imagesFor(network, 1);
    const ours = keep(await oursInference(side, network, 1, values, images, 'least'));
    const theirs = peer && keep(await peer.inference!(network, 1, values, images));
    const sample = async (contender: Contender): Promise<number> => {
      const start = performance.now();
      await contender.submit(1);
      const time = performance.now() - start;
      await device.queue.onSubmittedWorkDone();
      return time;
    };
    await sample(ours);
    if (theirs) await sample(theirs);
    const samples = { ours: [] as number[], peer: [] as number[] };
    const start = performance.now();
    for (let pair = 0; pair < pairs; pair++) {
      if (pair >= fewestPairs && performance.now() - start > longest) break;
      samples.ours.push(await sample(ours));
      if (theirs) samples.peer.push(await sample(theirs));
    }
    return rowOf(head, samples, { peer, family: ours.family, note });
  }
}
