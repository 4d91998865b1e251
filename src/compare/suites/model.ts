import type { Network } from '../../graph/network.js';
import { elementCount, networkParameters } from '../../graph/parameters.js';
import { inferShapes } from '../../graph/shapes.js';
import { timePair } from '../../measure/samples.js';
import { networkByName } from '../../models/networkByName.js';
import { summarise } from '../../models/summary.js';
import { checkSame, magnitude, networkTolerance } from '../check.js';
import { type Operation, type Ours, oursInference } from '../ours.js';
import type { Row } from '../rows.js';
import { type Bench, fullCounterpart, inFloat32, rowOf, type Task } from '../tasks.js';
import { seededState, uniformValues, type Values } from '../values.js';

const networks = [
  'resnet50',
  'ic-resnet50',
  'mobilenet-v2',
  'ic-mobilenet-v2',
  'mobilenet-v3-large',
  'efficientnet-b0',
];

/** Inference of whole networks, beside the same networks in another library. */
export function modelTasks(): Task[] {
  return networks.map((name) => modelTask(networkByName(name), 1));
}

function modelTask(network: Network, batch: number): Task {
  const head = { suite: 'model', name: `${network.name} b${batch}`, pass: 'forward' } as const;
  return { ...head, covers: ({ inference }) => inference !== undefined, run };

  async function run({ device, ours: side, peer, seconds, keep }: Bench): Promise<Row> {
    const values = seededState(network, 1);
    const images = imagesFor(network, batch);
    const make = async (on: Ours): Promise<Operation> => keep(await oursInference(on, network, batch, values, images));
    const ours = await make(side);
    const full = await fullCounterpart(side, make);
    const theirs = peer && keep(await peer.inference!(network, batch, values, images));
    for (const one of [ours, full]) one?.submit(1);
    const logits = await ours.output();
    const tolerance = networkTolerance(sumLengths(network), side.precision) * magnitude(logits);
    for (const other of [full, theirs]) {
      if (other) checkSame(logits, await other.output(), tolerance);
    }
    const samples = await timePair(device, ours, theirs ?? full, { seconds });
    const { multiplyAdds } = summarise(network, batch);
    return rowOf(head, samples, { peer: peer ?? (full && inFloat32), family: ours.family, multiplyAdds });
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
