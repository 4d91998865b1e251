import { CustomChart, LineChart, ScatterChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { VariantResult } from './results.js';

use([CustomChart, LineChart, ScatterChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

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

/**
 * Test error over multiply-adds: a dot for each network, where the plain one's mean and their difference put it, on a bar as long as
 * the difference's 95 % interval.
 */
export function drawCost(results: readonly VariantResult[]): string {
  const plain = results[0]!;
  const points = results.map(({ label, multiplyAdds, error, errorBesidePlain: beside }) => {
    const at = (difference: number): number => (plain.error.mean + difference) * 100;
    const { mean, low, high } = beside?.estimate ?? { mean: error.mean - plain.error.mean, low: 0, high: 0 };
    return {
      label,
      cost: multiplyAdds / 1e6,
      error: at(mean),
      low: at(low),
      high: at(high),
      compared: beside !== undefined,
    };
  });
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 900, height: 440 });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: title(`${plain.data}: test error over the cost, with 95 % intervals of the difference from ${plain.label}`),
    grid: { left: 70, right: 150, top: 50, bottom: 55 },
    xAxis: { type: 'value', name: 'million multiply-adds an image', nameLocation: 'middle', nameGap: 28, scale: true },
    yAxis: { type: 'value', name: 'test error %', scale: true },
    series: [
      {
        type: 'custom',
        renderItem: (
          _: unknown,
          api: { value(place: number): number; coord(point: readonly number[]): readonly [number, number] },
        ) => {
          const [x, y1] = api.coord([api.value(0), api.value(1)]);
          const [, y2] = api.coord([api.value(0), api.value(2)]);
          return { type: 'line', shape: { x1: x, y1, x2: x, y2 }, style: { stroke: '#1d4ed8', lineWidth: 1.5 } };
        },
        encode: { x: 0, y: [1, 2] },
        data: points.filter(({ compared }) => compared).map(({ cost, low, high }) => [cost, low, high]),
      },
      {
        type: 'scatter',
        symbolSize: 9,
        itemStyle: { color: '#c2410c' },
        label: {
          show: true,
          position: 'right',
          formatter: ({ dataIndex }: { dataIndex: number }) => points[dataIndex]!.label,
        },
        data: points.map(({ cost, error }) => [cost, error]),
      },
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
