import 'uplot/dist/uPlot.min.css';
import uPlot from 'uplot';
import { type Role, roles } from '../protocol.js';
import { createCurve } from './curve.js';
import { onceAFrame } from './dom.js';

/** Curves by step, one for each network: every value faintly, and their running mean. */
export interface Chart {
  append(role: Role, first: number, values: Float32Array): void;
  /** Forgets the values from a step on. */
  cut(role: Role, step: number): void;
  clear(steps: number): void;
}

/** Makes a chart that fills its place, in the page's colours. */
export function createChart(place: HTMLElement, kind: 'loss' | 'accuracy'): Chart {
  let steps = 1;
  const curves = { ic: createCurve(), plain: createCurve() };
  let plot: uPlot | undefined;

  const data = (): uPlot.AlignedData => {
    const { ic, plain } = curves;
    const length = Math.max(ic.values.length, plain.values.length);
    const x = Array.from({ length }, (_, index) => index + 1);
    const padded = (values: readonly (number | null)[]): (number | null)[] =>
      x.map((_, index) => values[index] ?? null);
    return [x, padded(plain.values), padded(ic.values), padded(plain.means), padded(ic.means)];
  };

  const draw = onceAFrame(() => plot?.setData(data()));

  function build(): void {
    plot?.destroy();
    const style = getComputedStyle(place);
    const colour = (name: string): string => resolve(style.getPropertyValue(name), place);
    const [ink, line] = [colour('--soft'), colour('--line')];
    const font = `12px ${style.fontFamily}`;
    const axis: uPlot.Axis = {
      stroke: ink,
      font,
      grid: { stroke: line, width: 1 },
      ticks: { show: false },
      border: { show: false },
    };
    const curve = (role: Role, mean: boolean): uPlot.Series => ({
      stroke: colour(role === 'ic' ? '--accent' : '--plain'),
      width: mean ? 2.25 : 1,
      alpha: mean ? 1 : 0.28,
      points: { show: false },
      spanGaps: false,
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
        series: [{}, curve('plain', false), curve('ic', false), curve('plain', true), curve('ic', true)],
      },
      data(),
      place,
    );
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
    clear(all) {
      steps = all;
      for (const role of roles) curves[role].cut(0);
      build();
    },
  };
}

/** A colour as canvases take it: what `light-dark()` comes to here. */
function resolve(colour: string, place: HTMLElement): string {
  const probe = document.createElement('i');
  probe.style.color = colour;
  place.append(probe);
  const resolved = getComputedStyle(probe).color;
  probe.remove();
  return resolved;
}
