import { type Ours, oursInference } from '../../../compare/ours.js';
import type { Peaks, Row } from '../../../compare/rows.js';
import { icTasks } from '../../../compare/suites/ic.js';
import { peaksOf, rooflineShares, rooflineTasks } from '../../../compare/suites/roofline.js';
import type { Bench, Task } from '../../../compare/tasks.js';
import { seededState, uniformValues } from '../../../compare/values.js';
import { assertAlive } from '../../../device/device.js';
import type { Network } from '../../../graph/network.js';
import { timePair } from '../../../measure/samples.js';
import { median } from '../../../measure/statistics.js';
import { cifarResNet, imageNetResNet } from '../../../models/resnet.js';
import { chooseByCost } from '../../../ops/choose.js';
import type { Form, FormRequest } from '../../../ops/forms.js';
import { indexedDBTuningStore } from '../../../tune/indexedDBStore.js';
import { version } from '../../../tune/record.js';
import { rememberedChoice, tune } from '../../../tune/tune.js';
import type { BenchOptions, BenchReport, BenchRow, NetworkRow, PeerTimes } from '../../protocol.js';
import { gpuDevice } from '../gpu.js';
import { tell, troubleOf } from '../post.js';
import { whilePaused } from '../training.js';
import type { PeerRunner } from './peers.js';

/** Of the convolutions of ResNet-50, those that differ most in what they ask of a GPU. */
const shapeNames = [
  'resnet50 b1 7x7/2 224x224 3->64',
  'resnet50 b1 3x3 56x56 64->64',
  'resnet50 b1 1x1 56x56 64->256',
  'resnet50 b1 3x3 14x14 256->256',
  'resnet50 b1 1x1 14x14 1024->256',
  'resnet20 b32 3x3 32x32 16->16',
];

/** The networks to choose from; of the other families the page need load nothing. */
const networks: Readonly<Record<BenchOptions['network'], (ic: boolean) => Network>> = {
  resnet20: (ic) => cifarResNet({ depth: 20, ic }),
  resnet18: (ic) => imageNetResNet({ depth: 18, ic }),
  resnet50: (ic) => imageNetResNet({ depth: 50, ic }),
};

/** For the samples of a row. */
const seconds = 0.5;

let running: AbortController | undefined;

/** Ends a bench that is running, behind the row in work. */
export function stopBench(): void {
  running?.abort();
}

/** Measures what the options say on this GPU; training pauses meanwhile. */
export function runBench(options: BenchOptions): Promise<BenchReport> {
  stopBench();
  running = new AbortController();
  const { signal } = running;
  return whilePaused(() => measure(options, signal));
}

async function measure(options: BenchOptions, signal: AbortSignal): Promise<BenchReport> {
  const device = await gpuDevice();
  const { ours, choices } = observed(device, options.tune, signal);
  const rows: Row[] = [];
  const convolutions: BenchRow[] = [];
  const tasks = [...rooflineTasks('float32'), ...icTasks().filter(({ name }) => shapeNames.includes(name))];
  for (const task of tasks) {
    signal.throwIfAborted();
    tell('benching', { row: task.name });
    choices.clear();
    const row = await runTask(task, { device, ours, peer: undefined, seconds });
    rows.push(row);
    if (row.suite === 'ic') convolutions.push(convolutionRow(row, choices.first()));
  }
  const peaks = peaksOf(rows, 'float32');
  const networks = options.networks ? await timeNetworks(ours, options, signal) : [];
  const { vendor, architecture, device: name, description } = device.adapterInfo;
  return {
    format: 'ic-networks demo bench',
    version,
    date: new Date().toISOString(),
    adapter: description || [vendor, name || architecture].filter(Boolean).join(' '),
    tuned: options.tune,
    ...(peaks && { peaks }),
    convolutions: peaks ? withShares(convolutions, rows, peaks) : convolutions,
    networks,
  };
}

async function runTask(task: Task, bench: Omit<Bench, 'keep'>): Promise<Row> {
  const kept: { dispose(): void }[] = [];
  const keep = <T extends { dispose(): void }>(one: T): T => {
    kept.push(one);
    return one;
  };
  try {
    return await task.run({ ...bench, keep });
  } finally {
    for (const one of kept) one.dispose();
  }
}

interface Choice {
  readonly form: Form;
  readonly heuristic: Form;
}

/** This package's side, which remembers what the tuner, or the cost model, chose. */
function observed(
  device: GPUDevice,
  measure: boolean,
  signal: AbortSignal,
): { ours: Ours; choices: { clear(): void; first(): Choice | undefined } } {
  const store = indexedDBTuningStore();
  let chosen: Choice[] = [];
  const ours: Ours = {
    device,
    async tune(on, planner) {
      const onProgress = ({ operation, tuned, total }: { operation: string; tuned: number; total: number }): void =>
        tell('benching', { row: `tuning ${operation}, ${tuned} of ${total}` });
      const choose = measure
        ? await tune(on, planner, { store, signal, seconds, onProgress })
        : await rememberedChoice(on, store);
      return (request: FormRequest) => {
        const form = choose(request);
        chosen.push({ form, heuristic: chooseByCost(request) });
        return form;
      };
    },
  };
  return {
    ours,
    choices: {
      clear() {
        chosen = [];
      },
      first: () => chosen[0],
    },
  };
}

function convolutionRow({ name, oursMs, peerMs, gflops }: Row, choice: Choice | undefined): BenchRow {
  return {
    name,
    icMilliseconds: oursMs,
    plainMilliseconds: peerMs!,
    gflops: gflops!,
    ...(choice && { form: formText(choice.form), heuristic: formText(choice.heuristic) }),
  };
}

function formText({ family, tile }: Form): string {
  const sizes = Object.entries(tile).map(([name, value]) => `${name} ${value}`);
  return sizes.length > 0 ? `${family} (${sizes.join(', ')})` : family;
}

function withShares(convolutions: readonly BenchRow[], rows: readonly Row[], peaks: Peaks): BenchRow[] {
  const shares = rooflineShares(
    rows.map((row) => (row.suite === 'ic' ? { ...row, suite: 'conv' as const } : row)),
    peaks,
    'float32',
  );
  return convolutions.map((row) => {
    const share = shares.find(({ name }) => name === row.name)?.share;
    return { ...row, ...(share !== undefined && { share }) };
  });
}

async function timeNetworks(ours: Ours, options: BenchOptions, signal: AbortSignal): Promise<NetworkRow[]> {
  const found: NetworkRow[] = [];
  for (const ic of [true, false]) {
    signal.throwIfAborted();
    const network = networks[options.network](ic);
    const { name } = network;
    tell('benching', { row: name });
    const { height, width, channels } = network.input;
    const values = seededState(network, 1);
    const images = uniformValues(height * width * channels, 5);
    const inference = await oursInference(ours, network, 1, values, images);
    let milliseconds: number;
    try {
      inference.submit(1);
      const samples = await timePair(ours.device, inference, undefined, { seconds });
      milliseconds = median(samples.ours);
    } finally {
      inference.dispose();
    }
    const peers: Partial<Record<keyof PeerTimes, number>> = {};
    for (const peer of await chosenPeers(options)) {
      signal.throwIfAborted();
      tell('benching', { row: `${name}, ${peer.title}` });
      try {
        peers[peer.name] = await peer.time(ours.device, network, values, images, seconds);
      } catch (error) {
        assertAlive(ours.device, 'bench');
        const trouble = troubleOf(error);
        tell('trouble', { ...trouble, message: `${peer.title}: ${trouble.message}` });
      }
    }
    found.push({ name, milliseconds, peers });
  }
  return found;
}

/** The peers that were switched on; nothing of the others is loaded. */
async function chosenPeers({ tensorflow, onnxRuntime }: BenchOptions): Promise<PeerRunner[]> {
  const chosen: PeerRunner[] = [];
  if (tensorflow) chosen.push((await import('./tensorflowPeer.js')).tensorflowPeer);
  if (onnxRuntime) chosen.push((await import('./onnxRuntimePeer.js')).onnxRuntimePeer);
  return chosen;
}
