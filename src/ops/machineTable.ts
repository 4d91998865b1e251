import type { Machine } from './machine.js';

/*
 * What machines are taken for until they are measured: a GPU in the middle of its family, by what its maker says of units
 * (multiprocessors, compute units, Xe cores, GPU cores), of multiply-adds a second in millions of millions, and of memory in thousands of millions of
 * bytes a second.
 */

type Row = readonly [units: number, multiplyAdds: number, bytes: number];

/** By the vendor and architecture that WebGPU names; the architecture's beginning is enough. */
const gpus: readonly (readonly [vendor: string, architecture: string, row: Row])[] = [
  // RTX 2060 (Turing white paper), RTX 3060, RTX 4060, RTX 5070 (data sheets), H100 SXM (Hopper white paper), GTX 1060.
  ['nvidia', 'turing', [30, 3.2, 336]],
  ['nvidia', 'ampere', [28, 6.4, 360]],
  ['nvidia', 'lovelace', [24, 7.5, 272]],
  ['nvidia', 'blackwell', [48, 15.4, 672]],
  ['nvidia', 'hopper', [132, 33.5, 3350]],
  ['nvidia', '', [10, 2.2, 192]],
  // RX Vega 8 of a Ryzen 5, RX 5700, RX 6600, RX 7600 (product pages).
  ['amd', 'gcn', [8, 0.55, 38]],
  ['amd', 'rdna-1', [36, 3.9, 448]],
  ['amd', 'rdna-2', [28, 4.5, 224]],
  ['amd', 'rdna', [32, 10.8, 288]],
  ['amd', '', [28, 4.5, 224]],
  // UHD 630, Arc A750, Arc 140V, Iris Xe with 96 units of execution (product pages).
  ['intel', 'gen-9', [3, 0.22, 38]],
  ['intel', 'xe-hpg', [28, 8.6, 512]],
  ['intel', 'xe', [8, 2, 136]],
  ['intel', '', [6, 1, 68]],
  // M1 with eight cores (Apple's press release of November 2020).
  ['apple', '', [8, 1.3, 68]],
  // Adreno 740 and Mali-G715, by reviewers' measurements: their makers name no figures.
  ['qualcomm', '', [6, 1.2, 67]],
  ['arm', '', [7, 0.9, 51]],
];
const anyGpu: Row = [16, 2, 130];
/** Two cores, measured; copies run in the processor's caches mostly. */
const processor: Row = [2, 0.03, 5];

function machineOfRow([units, multiplyAdds, bytes]: Row, software: boolean): Machine {
  const rates = { multiplyAdds: multiplyAdds * 1e12, bytes: bytes * 1e9 };
  return software
    ? { units, resident: 1, residentThreads: 1, ...rates, dispatch: 30e-6 }
    : { units, resident: 2, residentThreads: 64, ...rates, dispatch: 4e-6 };
}

/** A processor that plays a GPU. */
export const softwareMachine = machineOfRow(processor, true);

/** A GPU that nothing is known of. */
export const unknownMachine = machineOfRow(anyGpu, false);

/** What a GPU is taken for by its names. */
export function machineByName({ vendor, architecture }: Pick<GPUAdapterInfo, 'vendor' | 'architecture'>): Machine {
  const row = gpus.find(([maker, family]) => vendor === maker && architecture.startsWith(family));
  return row ? machineOfRow(row[2], false) : unknownMachine;
}
