import { LineChart, ScatterChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { VariantResult } from './results.js';

use([LineChart, ScatterChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

const palette = [
  '#6b7280',
  '#1d4ed8',
  '#15803d',
  '#c2410c',
  '#7e22ce',
  '#0e7490',
  '#be123c',
  '#a16207',
  '#4d7c0f',
  '#334155',
];

const title = (text: string) => ({ text, left: 'center', textStyle: { fontSize: 15, fontWeight: 'normal' as const } });

/** Errors on the watched test images over the steps, one line a variant, means over the seeds. */
export function drawCurves(results: readonly VariantResult[]): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 900, height: 440 });
  const { data, seeds } = results[0]!;
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: title(`${data}: test error during training, mean of ${seeds.length} seeds`),
    legend: { bottom: 4, itemGap: 24 },
    grid: { left: 70, right: 30, top: 50, bottom: 80 },
    color: palette,
    xAxis: { type: 'value', name: 'steps', nameLocation: 'middle', nameGap: 26, min: 0, max: 'dataMax' },
    yAxis: { type: 'log', name: 'test error %' },
    series: results.map(({ label, looks }) => ({
      name: label,
      type: 'line',
      symbolSize: 5,
      data: looks.map(({ step, error }) => [step, Number((error * 100).toFixed(3))]),
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

/** Final test errors: a dot for each training, a large one for the mean. */
export function drawErrors(results: readonly VariantResult[]): string {
  const height = 110 + 34 * results.length;
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 900, height });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: title(`${results[0]!.data}: test error behind the last step`),
    grid: { left: 250, right: 40, top: 50, bottom: 55 },
    xAxis: { type: 'value', name: 'test error %', nameLocation: 'middle', nameGap: 28, scale: true },
    yAxis: { type: 'category', inverse: true, data: results.map(({ label }) => label), axisTick: { show: false } },
    series: [
      {
        type: 'scatter',
        symbolSize: 7,
        itemStyle: { color: '#1d4ed8', opacity: 0.55 },
        data: results.flatMap(({ errors }, index) => errors.map((error) => [error * 100, index])),
      },
      {
        type: 'scatter',
        symbolSize: 13,
        symbol: 'diamond',
        itemStyle: { color: '#c2410c' },
        data: results.map(({ error }, index) => [error.mean * 100, index]),
      },
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
