import { BarChart, CustomChart } from 'echarts/charts';
import { GridComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { Report, Row, SuiteName } from '../../src/compare/rows.js';
import { plainConvolution } from '../../src/compare/tasks.js';
import { adapterName } from '../../src/terminal/adapter.js';
import { escaped, htmlPage, htmlTable } from './html.js';
import { suiteMeans } from './means.js';
import { milliseconds, peaksLine, titled, waitingLines } from './table.js';

use([BarChart, CustomChart, GridComponent, TitleComponent, SVGRenderer]);

/** What a suite is about, above its charts. */
const titles: Readonly<Record<SuiteName, string>> = {
  conv: 'Convolutions',
  ic: 'IC convolutions',
  model: 'Inference of networks',
  train: 'Training step',
  encode: 'Encoding one inference',
  cold: 'Start of a process to its first logits',
  roofline: 'Peaks of the adapter',
};

const colours = { forward: '#1d4ed8', inputGradient: '#c2410c', filterGradient: '#15803d', step: '#7e22ce' } as const;

/** A report as one HTML page that needs nothing beside it. */
export function reportPage(report: Report): string {
  const {
    adapter,
    driver,
    versions,
    commit,
    date,
    without,
    tuned,
    precision,
    rows,
    failures,
    leftOut,
    incomparable,
    peaks,
    roofline,
  } = report;
  const facts = [
    ['Adapter', adapterName(adapter)],
    ['Driver', driver],
    [
      'Versions',
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
    ['Commit', commit],
    ['Date', date],
    ...(without.length > 0 ? [['Device', `without ${without.join(', ')}`]] : []),
    ['Precision', precision],
    ['Kernels', tuned ? 'chosen by measuring' : 'chosen by rule'],
    ['Waiting', waitingLines(report).join(' ')],
    ...(leftOut > 0 ? [['Interrupted', `${leftOut} rows are left out`]] : []),
    ...(incomparable > 0 ? [['Left out', `${incomparable} rows that none of the peers computes`]] : []),
    ...(peaks ? [['Peaks', peaksLine(peaks)]] : []),
  ];
  const means = suiteMeans(rows).map(({ suite, pass, peer, rows: count, mean }) => [
    suite,
    pass,
    titled(peer),
    `${count}`,
    mean.toFixed(2),
  ]);
  const shares = roofline.map(({ name, pass, share }) => ({
    label: `${name} ${pass}`,
    value: share * 100,
    colour: colours[pass],
  }));
  const failed = failures.map(({ suite, name, pass, peer, message }) => [suite, name, pass, peer ?? '', message]);
  return htmlPage('ic-networks bench', [
    '<h1>ic-networks bench</h1>',
    htmlTable([], facts),
    ...(failed.length > 0
      ? ['<h2>Failed</h2>', htmlTable(['Suite', 'Name', 'Pass', 'Beside', 'Message'], failed)]
      : []),
    ...(means.length > 0
      ? ['<h2>Geometric means</h2>', htmlTable(['Suite', 'Pass', 'Beside', 'Rows', 'Ratio'], means)]
      : []),
    ...[...new Set(rows.map(sectionTitle))].flatMap((title) =>
      section(
        title,
        rows.filter((row) => sectionTitle(row) === title),
      ),
    ),
    ...(shares.length > 0 ? ['<h2>Share of the roofline</h2>', chart(shares, '%')] : []),
  ]);
}

/** Rows of a suite beside one peer stand together. */
function sectionTitle({ suite, peer }: Row): string {
  if (!peer) return titles[suite];
  const ratio = peer.name === plainConvolution.name ? 'time as a multiple of the' : 'times as fast as';
  return `${titles[suite]}: ${ratio} ${titled(peer)}`;
}

function section(title: string, rows: readonly Row[]): string[] {
  const compared = rows.flatMap(({ name, pass, ratio, ratioLow, ratioHigh }) =>
    ratio === null || ratioLow === null || ratioHigh === null
      ? []
      : [{ label: `${name} ${pass}`, value: ratio, low: ratioLow, high: ratioHigh, colour: colours[pass] }],
  );
  const speeds = rows.flatMap(({ name, pass, gflops }) =>
    gflops === null ? [] : [{ label: `${name} ${pass}`, value: gflops, colour: colours[pass] }],
  );
  const cells = rows.map(({ name, pass, family, oursMs, peerMs, ratio, ratioLow, ratioHigh, gflops, note }) => [
    name,
    pass,
    family,
    milliseconds(oursMs),
    peerMs === null ? '' : milliseconds(peerMs),
    ratio === null ? '' : `${ratio.toFixed(2)} (${ratioLow?.toFixed(2)} - ${ratioHigh?.toFixed(2)})`,
    gflops === null ? '' : gflops.toFixed(1),
    note ?? '',
  ]);
  const header = ['Name', 'Pass', 'Kernel', 'Ours ms', 'Peer ms', 'Ratio (95 %)', 'GFLOP/s', ''];
  return [
    `<h2>${escaped(title)}</h2>`,
    ...(compared.length > 0 ? [chart(compared, 'ratio, with 95 % interval')] : []),
    ...(speeds.length > 0 ? [chart(speeds, 'GFLOP/s, by the direct algorithm’s count')] : []),
    `<details><summary>Numbers</summary>${htmlTable(header, cells)}</details>`,
  ];
}

interface Bar {
  readonly label: string;
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
  readonly colour: string;
}

/** Bars across, the first on top, with whiskers where there are intervals. */
function chart(bars: readonly Bar[], unit: string): string {
  const svg = init(null, null, { renderer: 'svg', ssr: true, width: 960, height: 90 + 18 * bars.length });
  const whiskers = bars.flatMap(({ low, high }, index) => (low === undefined ? [] : [[low, high!, index]]));
  svg.setOption({
    animation: false,
    grid: { left: 330, right: 60, top: 10, bottom: 50 },
    xAxis: { type: 'value', name: unit, nameLocation: 'middle', nameGap: 28, min: 0 },
    yAxis: {
      type: 'category',
      inverse: true,
      data: bars.map(({ label }) => label),
      axisTick: { show: false },
      axisLabel: { interval: 0, fontSize: 11 },
    },
    series: [
      {
        type: 'bar',
        barWidth: 11,
        data: bars.map(({ value, colour }) => ({ value, itemStyle: { color: colour, opacity: 0.75 } })),
        label: {
          show: whiskers.length === 0,
          position: 'right',
          fontSize: 11,
          formatter: ({ value }: { value?: unknown }) => Number(value).toFixed(1),
        },
      },
      {
        type: 'custom',
        data: whiskers,
        encode: { x: [0, 1], y: 2 },
        renderItem: (_: unknown, api: { value(axis: number): unknown; coord(point: number[]): number[] }) => {
          const [low, high, index] = [0, 1, 2].map((axis) => Number(api.value(axis))) as [number, number, number];
          const [left, y] = api.coord([low, index]) as [number, number];
          const [right] = api.coord([high, index]) as [number];
          const line = { type: 'line', shape: { x1: left, y1: y, x2: right, y2: y } };
          return { ...line, style: { stroke: '#111827', lineWidth: 1.5 } };
        },
      },
    ],
  });
  const text = svg.renderToSVGString();
  svg.dispose();
  return text;
}
