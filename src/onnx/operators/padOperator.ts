import type { Sides } from '../../ops/windows.js';
import { axesFrom, floatAttribute, integersAttribute, textAttribute } from '../attributes.js';
import {
  type Activation,
  described,
  hasInput,
  type ImportState,
  inputOf,
  integersInput,
  numberInput,
  setOutput,
  shapeOf,
  sizesText,
} from '../importState.js';
import { malformed, unsupported } from '../modelFile.js';
import type { Node } from '../node.js';
import { axisAlong } from '../views.js';
import { isPadded, joinedPadding } from './windows.js';

/** Pad with zeros around images; what reads the images takes it over. */
export function importPad(state: ImportState, node: Node): void {
  const mode = textAttribute(node, 'mode', 'constant');
  const value = inputOf(state, node, 0);
  if (value.kind !== 'activation') {
    throw unsupported(`${node.place}, input 0`, described.activation, described[value.kind]);
  }
  const pads = padsOf(state, node, value.view.length);
  if (!pads.flat().some((size) => size !== 0)) {
    setOutput(state, node, value);
    return;
  }
  if (mode !== 'constant') throw unsupported(`${node.place}, mode`, 'constant', mode.slice(0, 80));
  const constant = hasInput(node, 2) ? numberInput(state, node, 2) : floatAttribute(node, 'value', 0);
  if (constant !== 0) throw unsupported(`${node.place}, value`, '0', `${constant}`);
  const padding = joinedPadding(value.padding ?? [0, 0, 0, 0], sidesOf(state, node, value, pads));
  setOutput(state, node, isPadded(padding) ? { ...value, padding } : value);
}

type Pads = readonly (readonly [ahead: number, behind: number])[];

/** What a Pad puts ahead of and behind each axis. */
function padsOf(state: ImportState, node: Node, rank: number): Pads {
  const given = (hasInput(node, 1) ? integersInput(state, node, 1) : integersAttribute(node, 'pads')) ?? [];
  const axes = hasInput(node, 3) ? integersInput(state, node, 3) : Array.from({ length: rank }, (_, axis) => axis);
  const isOnce = axesFrom(`${node.place}, axes`, axes, rank).length === axes.length;
  if (!isOnce) throw malformed(`${node.place}, axes`, 'every axis once', `[${axes.slice(0, 8)}]`);
  if (given.length !== 2 * axes.length) {
    throw malformed(`${node.place}, pads`, `${2 * axes.length} sizes`, `[${given.slice(0, 8)}]`);
  }
  return Array.from({ length: rank }, (_, axis) => {
    const index = axes.findIndex((one) => one === axis || one + rank === axis);
    return index < 0 ? [0, 0] : [given[index]!, given[index + axes.length]!];
  });
}

function sidesOf(state: ImportState, node: Node, value: Activation, pads: Pads): Sides {
  const shape = shapeOf(state, value);
  const [rows, columns] = [axisAlong(value.view, shape, 'height'), axisAlong(value.view, shape, 'width')];
  const isOfPixels = pads.every(
    ([ahead, behind], axis) => axis === rows || axis === columns || (ahead === 0 && behind === 0),
  );
  if (!isOfPixels || pads.flat().some((size) => size < 0)) {
    const got = `[${[...pads.map(([ahead]) => ahead), ...pads.map(([, behind]) => behind)]}] of ${sizesText(state, value)}`;
    throw unsupported(`${node.place}, pads`, 'pixels around images', got);
  }
  const [top, bottom] = pads[rows] ?? [0, 0];
  const [left, right] = pads[columns] ?? [0, 0];
  return [top, left, bottom, right];
}
