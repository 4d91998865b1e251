import type { Role } from '../protocol.js';
import type { Contestant } from './contestant.js';

/*
 * Who trains now, for those who look at it; training itself is loaded when it is first asked for.
 */

let current: () => readonly Contestant[] = () => [];

/** Tells the others who trains. */
export function provideContestants(contestants: () => readonly Contestant[]): void {
  current = contestants;
}

/** The network in training, where there is one. */
export function trainingContestant(role: Role): Contestant | undefined {
  return current().find((contestant) => contestant.role === role);
}
