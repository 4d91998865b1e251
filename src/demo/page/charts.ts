import 'uplot/dist/uPlot.min.css';
import uPlot from 'uplot';
import { type Role, roles } from '../protocol.js';
import { createCurve, meanOf, spread, type Values } from './curve.js';
import { onceAFrame, resolvedColour } from './dom.js';

/**
 * Curves by step, one for each network: every value of this race faintly, their running mean, and thinly the mean of the races
 * before.
 */
export interface Chart {
  append(role: Role, first: number, values: Float32Array): void;
  /** Forgets the values from a step on. */
  cut(role: Role, step: number): void;
  /** Begins the next race. */
  next(): void;
  clear(steps: number): void;
  /** Shows curves at steps that divide a training evenly, in place of what was there. */
  showRecorded(curves: Readonly<Partial<Record<Role, readonly number[]>>>, steps: number): void;
  /** What is drawn now; undefined before anything is. */
  readonly canvas: HTMLCanvasElement | undefined;
}

/** So that the IC curve is drawn over the others. */
const order: readonly Role[] = ['deep', 'plain', 'ic'];
export const curveColours: Readonly<Record<Role, string>> = { ic: '--accent', plain: '--plain', deep: '--deep' };

/** Makes a chart that fills its place, in the page's colours. */
export function createChart(place: HTMLElement, kind: 'loss' | 'accuracy'): Chart {
  let steps = 1;
  const curves = { ic: createCurve(), plain: createCurve(), deep: createCurve() };
  let past: Record<Role, Values[]> = { ic: [], plain: [], deep: [] };
  let recorded = false;
  let plot: uPlot | undefined;

  const data = (): uPlot.AlignedData => {
    const before = order.map((role) => meanOf(past[role]));
    const series = [...order.map((role) => curves[role].values), ...before, ...order.map((role) => curves[role].means)];
    const length = Math.max(...series.map((values) => values.length));
    const x = Array.from({ length }, (_, index) => index + 1);
    return [x, ...series.map((values) => x.map((_, index) => values[index] ?? null))];
  };

  const draw = onceAFrame(() => plot?.setData(data()));

  function build(): void {
    plot?.destroy();
    const style = getComputedStyle(place);
    const [ink, line] = [resolvedColour('--soft', place), resolvedColour('--line', place)];
    const font = `12px ${style.fontFamily}`;
    const axis: uPlot.Axis = {
      stroke: ink,
      font,
      grid: { stroke: line, width: 1 },
      ticks: { show: false },
      border: { show: false },
    };
    const curve = (role: Role, width: number, alpha: number): uPlot.Series => ({
      stroke: resolvedColour(curveColours[role], place),
      width,
      alpha,
      ...(role === 'deep' && { dash: [6, 4] }),
      points: { show: false },
      // A recorded curve has gaps between its points.
      spanGaps: recorded,
    });
    plot = new uPlot(
      {
        width: place.clientWidth,
        height: place.clientHeight,
        legend: { show: false },
        cursor: { show: false },
        padding: [10, 16, 0, 0],
        scales: {
          x: { time: false, range: () => [1, Math.max(steps, 2)] },
          y: { range: (_, __, most) => [0, kind === 'accuracy' ? 1 : Math.max(most ?? 0, 0.5) * 1.05] },
        },
        axes: [
          { ...axis, grid: { show: false }, size: 30 },
          {
            ...axis,
            size: 46,
            ...(kind === 'accuracy' && {
              values: (_: uPlot, splits: number[]) => splits.map((y) => `${Math.round(y * 100)} %`),
            }),
          },
        ],
        series: [
          {},
          ...order.map((role) => curve(role, 1, 0.22)),
          ...order.map((role) => (recorded ? curve(role, 2.25, 1) : curve(role, 1.5, 0.55))),
          ...order.map((role) => curve(role, 2.25, 1)),
        ],
      },
      data(),
      place,
    );
  }

  function clear(all: number): void {
    steps = all;
    recorded = false;
    past = { ic: [], plain: [], deep: [] };
    for (const role of roles) curves[role].cut(0);
  }

  new ResizeObserver(() => {
    if (!plot) return;
    plot.setSize({ width: place.clientWidth, height: place.clientHeight });
  }).observe(place);
  addEventListener('themechange', () => plot && build());

  return {
    append(role, first, values) {
      curves[role].append(first, values);
      draw();
    },
    cut(role, step) {
      curves[role].cut(step);
      draw();
    },
    next() {
      for (const role of roles) {
        past[role].push([...curves[role].means]);
        curves[role].cut(0);
      }
      draw();
    },
    clear(all) {
      clear(all);
      build();
    },
    showRecorded(given, all) {
      clear(all);
      recorded = true;
      for (const role of roles) if (given[role]) past[role] = [spread(given[role], all)];
      build();
    },
    get canvas() {
      return place.querySelector('canvas') ?? undefined;
    },
  };
}
