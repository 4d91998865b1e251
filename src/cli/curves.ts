import { LineChart, ScatterChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { StepReport } from '../train/trainer.js';

use([LineChart, ScatterChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

/** What the curves show: every step of the training, and the evaluations between them. */
export interface History {
  readonly title: string;
  readonly steps: readonly StepReport[];
  readonly tests: readonly { readonly step: number; readonly accuracy: number }[];
}

/** Loss and accuracy over the steps, as an SVG document. */
export function drawCurves({ title, steps, tests }: History): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 900, height: 420 });
  const losses = steps.map(({ loss }) => loss);
  const accuracies = steps.map(({ accuracy }) => accuracy * 100);
  const points = (values: readonly number[]): [number, number][] =>
    values.map((value, index) => [steps[index]!.step + 1, value]);
  const faint = { showSymbol: false, lineStyle: { width: 1, opacity: 0.25 } };
  const strong = { showSymbol: false, lineStyle: { width: 2.5 } };
  const best = tests.map(({ step, accuracy }) => [step, accuracy * 100]);
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: title, left: 'center', textStyle: { fontSize: 15, fontWeight: 'normal' } },
    legend: { bottom: 4, itemGap: 32, data: ['loss', 'training accuracy', 'test accuracy'] },
    grid: { left: 60, right: 60, top: 50, bottom: 70 },
    color: ['#c2410c', '#1d4ed8', '#15803d'],
    xAxis: { type: 'value', name: 'step', nameLocation: 'middle', nameGap: 26, min: 0, max: steps.at(-1)!.step + 1 },
    yAxis: [
      { type: 'value', name: 'loss', min: 0, splitLine: { lineStyle: { opacity: 0.4 } } },
      { type: 'value', name: 'accuracy %', min: 0, max: 100, splitLine: { show: false } },
    ],
    series: [
      { type: 'line', data: points(losses), color: '#c2410c', ...faint },
      { type: 'line', yAxisIndex: 1, data: points(accuracies), color: '#1d4ed8', ...faint },
      { name: 'loss', type: 'line', data: points(smoothed(losses)), color: '#c2410c', ...strong },
      {
        name: 'training accuracy',
        type: 'line',
        yAxisIndex: 1,
        data: points(smoothed(accuracies)),
        color: '#1d4ed8',
        ...strong,
      },
      { name: 'test accuracy', type: 'scatter', yAxisIndex: 1, data: best, color: '#15803d', symbolSize: 11 },
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

/** Exponential moving average that starts without a bias towards 0. */
function smoothed(values: readonly number[], keep = 0.9): number[] {
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    sum = keep * sum + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    return sum / weight;
  });
}
