import { isConvolution } from '../graph/fusion.js';
import { type Adjust, isICUnit, type Network } from '../graph/network.js';
import { hasICUnits, isBlockConvolution, plainForm } from '../models/icForm.js';
import { networkByName } from '../models/networkByName.js';
import { type NetworkSummary, summarise } from '../models/summary.js';
import { toIC } from '../models/toIC.js';
import type { PrecisionOptions } from '../ops/precision.js';
import { grouped, type Output, table } from '../terminal/output.js';
import { loadCheckpoint } from '../train/files.js';
import { findCheckpoint } from './checkpointFile.js';
import { reportMemory } from './memory.js';

export interface SummaryFlags extends PrecisionOptions {
  readonly width: number;
  readonly stemStride: number;
  readonly adjust: 'output' | 'input';
  readonly offset?: boolean;
  readonly input?: Network['input'];
  readonly classes?: number;
  readonly memory?: boolean;
  readonly batch?: number;
}

/** `icnet summary`. */
export async function summary(name: string, flags: SummaryFlags, output: Output): Promise<void> {
  const network = await findNetwork(name, flags);
  const whole = summarise(network);
  const plain = summarise(plainForm(network));
  const ic = summarise(asIC(network, flags));
  const totals = ({ parameters, multiplyAdds }: typeof whole) => ({ parameters, multiplyAdds });
  output.emit({
    network: whole.name,
    parameters: whole.parameters,
    multiplyAdds: whole.multiplyAdds,
    layers: whole.layers,
    plain: totals(plain),
    ic: totals(ic),
  });
  if (!output.json) sayLayers(network, whole, plain, ic, output);
  if (flags.memory) reportMemory(network, flags.batch ?? 1, flags.precision ?? 'float32', output);
}

function sayLayers(
  network: Network,
  whole: NetworkSummary,
  plain: NetworkSummary,
  ic: NetworkSummary,
  output: Output,
): void {
  const { height, width, channels } = network.input;
  output.say(`${whole.name}, input ${height} x ${width} x ${channels}`);
  output.say('');
  const rows = whole.layers.map((layer) => [
    layer.name,
    kindOf(network, layer.name),
    layer.shape.slice(1).join(' x '),
    layer.parameters === 0 ? '' : grouped(layer.parameters),
    layer.multiplyAdds === 0 ? '' : grouped(layer.multiplyAdds),
  ]);
  for (const line of table([['Layer', 'Kind', 'Output', 'Parameters', 'Multiply-adds'], ...rows])) output.say(line);
  output.say('');
  const more = (of: 'parameters' | 'multiplyAdds'): string => `+${((ic[of] / plain[of] - 1) * 100).toFixed(2)} %`;
  const lines = table([
    ['', 'Plain', 'IC', 'IC over plain'],
    ['Parameters', grouped(plain.parameters), grouped(ic.parameters), more('parameters')],
    ['Multiply-adds', grouped(plain.multiplyAdds), grouped(ic.multiplyAdds), more('multiplyAdds')],
  ]);
  for (const line of lines) output.say(line);
}

/** The network of a checkpoint, or of a name where there is no such file. */
export async function findNetwork(name: string, flags: SummaryFlags): Promise<Network> {
  const isPath = /[/\\]|\.safetensors$/.test(name);
  const file = (await findCheckpoint(name)) ?? (isPath ? name : undefined);
  return file === undefined ? namedNetwork(name, flags) : (await loadCheckpoint(file)).network;
}

/** A network by its name, with the flags that were given. */
export function namedNetwork(name: string, flags: Omit<SummaryFlags, 'adjust'> & { adjust: Adjust }): Network {
  const { width, stemStride, input, classes } = flags;
  return networkByName(name, {
    ...(width !== 16 && { width }),
    ...(stemStride !== 1 && { stemStride }),
    ...(flags.adjust === 'input' && { adjust: flags.adjust }),
    ...(flags.offset && { offset: true }),
    ...(input && { input }),
    ...(classes !== undefined && { classes }),
  });
}

function kindOf({ layers }: Network, name: string): string {
  const layer = layers.find((candidate) => candidate.name === name)!;
  return isICUnit(layer) ? `IC ${layer.kind}` : layer.kind;
}

/** The IC form: as it is where it has IC units, else with those of its blocks made IC, or all where it has none. */
export function asIC(network: Network, { adjust, offset = false }: Pick<SummaryFlags, 'adjust' | 'offset'>): Network {
  if (hasICUnits(network)) return network;
  const hasBlocks = network.layers.filter(isConvolution).some(isBlockConvolution);
  return toIC(network, { adjust, offset, ...(hasBlocks && { convolutions: isBlockConvolution }) });
}
