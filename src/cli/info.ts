import type { RequestDeviceOptions } from '../device/device.js';
import type { MatrixConfiguration } from '../device/matrixUnits.js';
import type { Machine } from '../ops/machine.js';
import { deviceTraits, machineOf } from '../ops/traits.js';
import { openForCommand } from '../terminal/adapter.js';
import { grouped, type Output, rounded, table } from '../terminal/output.js';
import { tuningScope } from '../tune/record.js';
import { cachedTuning } from './tuning.js';

interface InfoFlags extends Pick<RequestDeviceOptions, 'experimental'> {
  readonly adapter: string;
}

/** `icnet info`. */
export async function info(flags: InfoFlags, output: Output): Promise<void> {
  const { device, adapter, features, limits, close } = await openForCommand(flags.adapter, output, flags);
  const remembered = await cachedTuning(output).loadMachine(tuningScope(device));
  const traits = deviceTraits(device);
  const machine = remembered ?? machineOf(traits);
  const { matrix } = traits;
  output.emit({
    ...{ adapter, features, limits, machine: { ...machine, measured: remembered !== undefined } },
    ...(matrix && { matrixUnits: matrix.configurations }),
  });
  if (!output.json) {
    const wanted = traits.pinned ? `, of which kernels ask for ${traits.subgroup}` : '';
    const sizes = `${adapter.subgroupMinSize} to ${adapter.subgroupMaxSize}${wanted}`;
    output.say(`Subgroups: ${features.includes('subgroups') ? sizes : 'none'}`);
    if (matrix) output.say(matrixLine(matrix.configurations));
    output.say(machineLine(machine, remembered !== undefined));
    output.say('');
    output.say(`Features: ${[...features].sort().join(', ')}`);
    output.say('');
    const rows = Object.entries(limits).map(([name, value]) => [name, grouped(value)]);
    for (const line of table([['Limit', 'Value'], ...rows])) output.say(line);
  }
  close();
}

function matrixLine(configurations: readonly MatrixConfiguration[]): string {
  const sizes = configurations.map(({ rows, columns, depth }) => `${rows}x${columns}x${depth}`);
  return `Matrix units: ${sizes.join(', ')} of float16, sums in float32`;
}

/** What the cost model counts with, and where it has it from. */
export function machineLine({ units, multiplyAdds, bytes, dispatch }: Machine, measured: boolean): string {
  const rates = [
    `${units} units side by side`,
    `${rounded(multiplyAdds / 1e9)} thousand million multiply-adds a second`,
    `${rounded(bytes / 1e9)} GB a second`,
    `${rounded(dispatch * 1e6)} microseconds a dispatch`,
  ];
  return `Machine: ${rates.join(', ')} (${measured ? 'measured' : 'assumed by its name; icnet tune measures it'})`;
}
