import type { ConvolutionPass } from '../src/compare/ours.js';
import { namedShapes } from '../src/compare/shapes.js';
import { chooseByCost } from '../src/ops/choose.js';
import { planConvolutionFilterGradient } from '../src/ops/convolution/filterGradient.js';
import { planConvolution } from '../src/ops/convolution/forward.js';
import { planConvolutionInputGradient } from '../src/ops/convolution/inputGradient.js';
import { type CompleteConvolution, checkConvolution } from '../src/ops/convolution/shape.js';
import type { FormRequest, RankedForm } from '../src/ops/forms.js';
import { dispatchTime, type Machine } from '../src/ops/machine.js';
import type { DeviceTraits } from '../src/ops/traits.js';
import { table } from '../src/terminal/output.js';

/** The suite that needs no device. */
export const occupancySuite = 'occupancy';

/** How much of a GPU a convolution keeps busy, worked out without one. */
export interface Occupancy {
  readonly suite: typeof occupancySuite;
  readonly name: string;
  readonly pass: ConvolutionPass;
  readonly units: number;
  readonly subgroups: boolean;
  readonly family: string;
  /** Of the dispatch that multiplies. */
  readonly workgroups: number;
  /**
   * Multiply-adds of the convolution over those that the machine could make meanwhile; above 1 where Winograd's transforms save
   * more than is idle.
   */
  readonly utilisation: number;
}

/** A GPU of so many units: a laptop's has less memory traffic to wait for than a desktop's. */
export function gpuOf(units: number): Machine {
  const multiplyAdds = units * 0.2e12;
  const perValue = units <= 16 ? 20 : 50;
  return {
    units,
    resident: 2,
    residentThreads: 64,
    multiplyAdds,
    bytes: (4 * multiplyAdds) / perValue,
    dispatch: 4e-6,
  };
}

/** The form that is chosen by rule for a convolution. */
export function chosenForm(shape: CompleteConvolution, pass: ConvolutionPass, traits: DeviceTraits): RankedForm {
  let chosen: RankedForm | undefined;
  const choose = (request: FormRequest): RankedForm => {
    const form = chooseByCost(request);
    if (request.operation !== 'winogradProduct') chosen = form;
    return form;
  };
  const own = { ...traits, choose };
  if (pass === 'forward') planConvolution(shape, { constantFilter: true }, own);
  else if (pass === 'inputGradient') planConvolutionInputGradient(shape, {}, own);
  else planConvolutionFilterGradient(shape, {}, own);
  return chosen!;
}

/** How much a chosen form keeps busy of a machine: loads and what else costs time beside multiply-adds left out. */
export function utilisationOf(shape: CompleteConvolution, form: RankedForm, machine: Machine): number {
  const { multiplyAdds } = checkConvolution('occupancy', shape);
  const times = form.work.map(({ overhead: _, ...work }) => dispatchTime(work, machine));
  return multiplyAdds / times.reduce((sum, time) => sum + time, 0);
}

const passes: readonly ConvolutionPass[] = ['forward', 'inputGradient', 'filterGradient'];

/**
 * Every pass of every convolution of the shape files, on GPUs of several sizes with and without subgroups; worst first.
 *
 * @param filter - only rows with this text in "occupancy NAME PASS"
 */
export function occupancies(filter = ''): Occupancy[] {
  const rows = namedShapes().flatMap(({ name, shape }) =>
    passes
      .filter((pass) => `occupancy ${name} ${pass}`.includes(filter))
      .flatMap((pass) =>
        [8, 40, 128].flatMap((units) =>
          [true, false].map((subgroups) => occupancyOf(name, shape, pass, units, subgroups)),
        ),
      ),
  );
  return rows.sort((a, b) => a.utilisation - b.utilisation);
}

const mostRows = 40;

/** The worst rows as a table, and behind them the geometric means. */
export function occupancyLines(rows: readonly Occupancy[]): string[] {
  const share = (utilisation: number): string => utilisation.toFixed(2);
  const worst = rows
    .slice(0, mostRows)
    .map(({ name, pass, units, subgroups, family, workgroups, utilisation }) => [
      name,
      pass,
      `${units}`,
      subgroups ? 'yes' : 'no',
      family,
      `${workgroups}`,
      share(utilisation),
    ]);
  const kinds = new Map<string, number[]>();
  for (const { pass, units, subgroups, utilisation } of rows) {
    const kind = `${pass}, ${units} units, ${subgroups ? 'subgroups' : 'no subgroups'}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), utilisation]);
  }
  const means = [...kinds].map(([kind, values]) => {
    const mean = Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
    return [kind, share(mean), share(Math.min(...values))];
  });
  const head = ['Convolution', 'Pass', 'Units', 'Subgroups', 'Family', 'Workgroups', 'Utilisation'];
  return [...table([head, ...worst]), '', ...table([['Geometric means', 'Utilisation', 'Least'], ...means])];
}

function occupancyOf(
  name: string,
  shape: CompleteConvolution,
  pass: ConvolutionPass,
  units: number,
  subgroups: boolean,
): Occupancy {
  const machine = gpuOf(units);
  const form = chosenForm(shape, pass, { machine, ...(subgroups && { subgroup: 32 }) });
  const { workgroups } = form.work.reduce((most, work) => (work.products > most.products ? work : most));
  const utilisation = utilisationOf(shape, form, machine);
  return { suite: occupancySuite, name, pass, units, subgroups, family: form.family, workgroups, utilisation };
}
