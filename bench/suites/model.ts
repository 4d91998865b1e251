import type { Network } from '../../src/graph/network.js';
import { elementCount, networkParameters } from '../../src/graph/parameters.js';
import { inferShapes } from '../../src/graph/shapes.js';
import { networkByName } from '../../src/models/networkByName.js';
import { summarise } from '../../src/models/summary.js';
import { checkSame, magnitude, networkTolerance } from '../check.js';
import { oursInference } from '../ours.js';
import type { Row } from '../rows.js';
import { type Bench, rowOf, type Task } from '../tasks.js';
import { timePair } from '../timing.js';
import { seededState, uniformValues, type Values } from '../values.js';

/** Inference of whole networks, beside the same networks in another library. */
export function modelTasks(): Task[] {
  return ['resnet50', 'ic-resnet50', 'mobilenet-v2', 'ic-mobilenet-v2'].map((name) =>
    modelTask(networkByName(name), 1),
  );
}

function modelTask(network: Network, batch: number): Task {
  const head = { suite: 'model', name: `${network.name} b${batch}`, pass: 'forward' } as const;
  return { ...head, covers: ({ inference }) => inference !== undefined, run };

  async function run({ device, ours: side, peer, seconds, keep }: Bench): Promise<Row> {
    const values = seededState(network, 1);
    const images = imagesFor(network, batch);
    const ours = keep(await oursInference(side, network, batch, values, images));
    const theirs = peer && keep(await peer.inference!(network, batch, values, images));
    ours.submit(1);
    if (theirs) {
      const logits = await ours.output();
      const tolerance = networkTolerance(sumLengths(network)) * magnitude(logits);
      checkSame(logits, await theirs.output(), tolerance);
    }
    const samples = await timePair(device, ours, theirs, { seconds });
    const { multiplyAdds } = summarise(network, batch);
    return rowOf(head, samples, { peer, family: ours.family, multiplyAdds });
  }
}

export function imagesFor(network: Network, batch: number): Values {
  return uniformValues(elementCount(inferShapes(network, batch).get('input')!), 5);
}

/** How many products make up an element of the output, layer by layer. */
export function sumLengths(network: Network): number[] {
  return networkParameters(network)
    .filter(({ role }) => role === 'filter' || role === 'denseWeight')
    .map(({ shape }) => elementCount(shape.slice(1)));
}
