import 'uplot/dist/uPlot.min.css';
import uPlot from 'uplot';
import { type Role, roles } from '../protocol.js';
import { onceAFrame } from './dom.js';

/** Curves by step, one for each network: every value faintly, and their running mean. */
export interface Chart {
  append(role: Role, first: number, values: Float32Array): void;
  /** Forgets the values from a step on. */
  cut(role: Role, step: number): void;
  clear(steps: number): void;
}

/** Share of the running mean that a new value makes. */
const smoothing = 0.12;

/** Makes a chart that fills its place, in the page's colours. */
export function createChart(place: HTMLElement, kind: 'loss' | 'accuracy'): Chart {
  let steps = 1;
  const raw: Record<Role, number[]> = { ic: [], plain: [] };
  const means: Record<Role, number[]> = { ic: [], plain: [] };
  let plot: uPlot | undefined;

  const data = (): uPlot.AlignedData => {
    const length = Math.max(raw.ic.length, raw.plain.length);
    const x = Array.from({ length }, (_, index) => index + 1);
    const padded = (values: readonly number[]): (number | null)[] =>
      values.length === length ? [...values] : Array.from({ length }, (_, index) => values[index] ?? null);
    return [x, padded(raw.plain), padded(raw.ic), padded(means.plain), padded(means.ic)];
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
      raw[role].length = Math.min(raw[role].length, first);
      means[role].length = raw[role].length;
      for (const value of values) {
        const before = means[role].at(-1);
        const weight = Math.max(smoothing, 1 / (means[role].length + 1));
        raw[role].push(value);
        means[role].push(before === undefined ? value : before + weight * (value - before));
      }
      draw();
    },
    cut(role, step) {
      raw[role].length = Math.min(raw[role].length, step);
      means[role].length = raw[role].length;
      draw();
    },
    clear(all) {
      steps = all;
      for (const role of roles) {
        raw[role] = [];
        means[role] = [];
      }
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
