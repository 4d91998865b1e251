import { join } from 'node:path';
import type { Network } from '../../graph/network.js';
import { channelStatistics } from '../../io/dataset.js';
import { summarise } from '../../models/summary.js';
import { openDevice, writeAtomically } from '../../node.js';
import { compileEvaluation } from '../../train/evaluation.js';
import { createTrainer } from '../../train/trainer.js';
import { createCurve } from '../page/curve.js';
import { presets } from '../page/presets.js';
import type { RecordedRace } from '../page/recorded.js';
import { type Role, roles, type TestResult } from '../protocol.js';
import { freshState, trainerOptions } from '../worker/contestant.js';
import { loadData, type TrainingData } from '../worker/datasets.js';
import { settingsNetworks } from '../worker/networks.js';

/*
 * Runs the page's first preset in Node and writes what came of it into src/demo/data, for the page to show
 * before a visitor starts a race: test errors seed by seed, and the mean over the seeds of the smoothed training curves.
 *
 * Settings by name change it, and then nothing is written: `race.js seeds=3 steps=100 data=drawn`.
 */

const path = join('src', 'demo', 'data', 'recordedRace.json');
const testBatch = 100;
/** Points of a curve. */
const points = 60;

const changes = process.argv.slice(2).map((text) => text.split('=') as [string, string]);
const value = (text: string): number | string | boolean =>
  text === 'true' || text === 'false' ? text === 'true' : Number.isNaN(Number(text)) ? text : Number(text);
const { data: preset, ...usual } = presets.quick;
const {
  data: kind = preset,
  adapter,
  ...changed
} = Object.fromEntries(changes.map(([name, text]) => [name, value(text)]));
const settings = { ...usual, ...changed };

interface Run {
  readonly test: TestResult;
  readonly losses: readonly number[];
  readonly accuracies: readonly number[];
}

const say = (line: string) => process.stdout.write(`${line}\n`);
const opened = await openDevice({ adapter: `${adapter ?? 'swiftshader'}` });
try {
  const data = await loadData({ kind: kind as 'drawn' | 'lit' });
  const networks = settingsNetworks(settings, data.train);
  const racing = roles.flatMap((role) => (networks[role] ? [[role, networks[role]] as const] : []));
  const runs: Run[] = [];
  for (let seed = 1; seed <= settings.seeds; seed++) {
    for (const [role, network] of racing) {
      const started = performance.now();
      const run = await train(opened.device, role, network, data, seed);
      runs.push(run);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      say(`seed ${seed}, ${network.name}: error ${(100 * run.test.error).toFixed(2)} %, ${seconds} s`);
    }
    if (changes.length === 0) await writeAtomically(path, `${JSON.stringify(recordOf(seed))}\n`);
  }

  /** What came of the races so far. */
  function recordOf(seeds: number): RecordedRace {
    const curves = (of: (run: Run) => readonly number[]): Partial<Record<Role, number[]>> =>
      Object.fromEntries(
        racing.map(([role]) => [role, meanCurve(runs.filter(({ test }) => test.role === role).map(of))]),
      );
    const { vendor, architecture, device, description } = opened.adapter;
    return {
      adapter: description || [vendor, architecture, device].filter(Boolean).join(' '),
      date: new Date().toISOString().slice(0, 10),
      settings: { ...settings, seeds },
      data: data.train.name,
      networks: racing.map(([role, network]) => {
        const { name, parameters, multiplyAdds } = summarise(network);
        return { role, name, parameters, multiplyAdds, step: 0 };
      }),
      tests: runs.map(({ test }) => ({ ...test, error: rounded(test.error) })),
      losses: curves(({ losses }) => losses),
      accuracies: curves(({ accuracies }) => accuracies),
    };
  }
} finally {
  opened.close();
}

async function train(
  device: GPUDevice,
  role: Role,
  network: Network,
  { train: dataset, test }: TrainingData,
  seed: number,
): Promise<Run> {
  const normalisation = channelStatistics(dataset);
  const state = freshState(device, network, seed);
  const options = { ...trainerOptions(settings, seed), dataset, normalisation };
  const trainer = await createTrainer(state, options);
  const losses: number[] = [];
  const accuracies: number[] = [];
  await trainer.run({
    onStep({ loss, accuracy }) {
      losses.push(loss);
      accuracies.push(accuracy);
    },
  });
  const evaluation = await compileEvaluation(state, { batch: testBatch });
  const { accuracy, images } = await evaluation.run(test, normalisation);
  for (const made of [evaluation, trainer, state]) made.dispose();
  return {
    test: { role, seed, error: 1 - accuracy, images },
    losses: smoothed(losses),
    accuracies: smoothed(accuracies),
  };
}

function smoothed(values: readonly number[]): number[] {
  const curve = createCurve();
  curve.append(0, values);
  return curve.means.map((mean) => mean!);
}

/** The mean of curves, at as many steps as are drawn, the last one among them. */
function meanCurve(curves: readonly (readonly number[])[]): number[] {
  const { steps } = settings;
  return Array.from({ length: points }, (_, point) => {
    const step = Math.round(((steps - 1) * point) / (points - 1));
    return rounded(curves.reduce((sum, curve) => sum + curve[step]!, 0) / curves.length);
  });
}

function rounded(share: number): number {
  return Number(share.toFixed(4));
}
