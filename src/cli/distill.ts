import { UnsupportedError } from '../errors.js';
import type { Network } from '../graph/network.js';
import { networkParameters } from '../graph/parameters.js';
import type { NetworkState } from '../graph/state.js';
import { likelyCause } from '../graph/stateFaults.js';
import { inheritedParameters } from '../models/initialise.js';
import { listNames } from '../names.js';
import type { Output } from '../terminal/output.js';
import type { DistillationOptions } from '../train/distillation.js';
import { readCheckpoint } from './checkpointFile.js';
import { train } from './train.js';
import type { TrainFlags } from './trainFlags.js';

/** How a teacher teaches. */
export interface TeachingFlags {
  readonly loss: 'mse' | 'kl';
  readonly temperature: number;
  readonly weight: number;
  readonly weightSchedule: 'constant' | 'linear' | 'cosine' | 'step';
  /** Share of the steps. */
  readonly until: number;
  readonly cache: boolean;
}

export interface DistillFlags extends Omit<TrainFlags, 'network'>, TeachingFlags {
  readonly teacher: string;
  readonly student: string;
  /** Start from the teacher's weights. */
  readonly inherit: boolean;
}

/** `icnet distill`. */
export async function distill(flags: DistillFlags, output: Output): Promise<void> {
  const checkpoint = await readCheckpoint(flags.teacher, output);
  const inherit = (student: Network) => {
    checkInheritance(checkpoint.network, student);
    return inheritedParameters(student, checkpoint.values, flags.seed);
  };
  await train({ ...flags, network: flags.student }, output, {
    checkpoint,
    distillation: (teacher, steps) => teachingOptions(flags, teacher, steps),
    ...(flags.inherit && { start: inherit }),
  });
}

/** Refuses a teacher whose weights have no place in the student. */
function checkInheritance(teacher: Network, student: Network): void {
  const specs = networkParameters(student);
  const places = new Map(specs.map(({ name, shape }) => [name, `${shape}`]));
  const given = networkParameters(teacher);
  const strange = given.filter(({ name, shape }) => places.get(name) !== `${shape}`);
  if (strange.length === 0) return;
  const names = listNames(strange.map(({ name }) => name));
  const cause = likelyCause(specs, new Map(given.map(({ name, shape }) => [name, shape])));
  throw new UnsupportedError({
    operation: 'distill',
    parameter: '--inherit',
    expected: `a teacher whose weights fit ${student.name}`,
    got: `${cause === undefined ? '' : `${cause}; `}others in ${names} of ${teacher.name}`,
  });
}

/** What the flags ask of a teacher; `step` divides the weight by ten at half and at three quarters of its time. */
export function teachingOptions(flags: TeachingFlags, teacher: NetworkState, steps: number): DistillationOptions {
  const { loss, temperature, weight, weightSchedule, until, cache } = flags;
  const end = Math.max(1, Math.round(until * steps));
  const milestones = [Math.floor(end / 2), Math.floor((end * 3) / 4)];
  const schedule: DistillationOptions['schedule'] =
    weightSchedule === 'step' ? { kind: 'step', milestones, factor: 0.1 } : { kind: weightSchedule };
  return { teacher, loss, weight, schedule, end, cache, ...(loss === 'kl' && { temperature }) };
}
