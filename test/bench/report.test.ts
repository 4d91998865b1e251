import { describe, expect, it } from 'vitest';
import { reportPage } from '../../bench/report/page.js';
import { bar, reportLines } from '../../bench/report/table.js';
import { namedShapes } from '../../src/compare/shapes.js';
import { peaksOf, rooflineShares } from '../../src/compare/suites/roofline.js';
import { plainConvolution, rowOf } from '../../src/compare/tasks.js';
import { report, row } from './rows.js';

describe('rowOf', () => {
  const samples = { ours: [1, 2, 3], peer: [10, 8, 6] };
  const peer = { name: 'Other', version: '1.2.3', waiting: 'for nobody' };

  it('tells beside whom how many times as fast ours is, and its speed', () => {
    const head = { suite: 'conv', name: 'n', pass: 'forward' } as const;
    const made = rowOf(head, samples, { peer: { ...peer, more: 1 } as typeof peer, family: 'f', multiplyAdds: 3e6 });
    expect(made).toMatchObject({ oursMs: 2, peerMs: 8, ratio: 4, gflops: 3, samples });
    expect(made.peer).toEqual(peer);
  });

  it('tells how many times as long IC takes as the plain convolution, and how many times as fast it is beside a peer', () => {
    const head = { suite: 'ic', name: 'n', pass: 'forward' } as const;
    expect(rowOf(head, samples, { peer: plainConvolution, family: 'f' })).toMatchObject({ ratio: 0.25, gflops: null });
    expect(rowOf(head, samples, { peer, family: 'f' })).toMatchObject({ ratio: 4 });
  });

  it('has no ratio without a peer', () => {
    const alone = { ours: [1, 2, 3], peer: [] };
    const made = rowOf({ suite: 'conv', name: 'n', pass: 'forward' }, alone, { peer: undefined, family: 'f' });
    expect(made).toMatchObject({ peer: null, peerMs: null, ratio: null, ratioLow: null, ratioHigh: null });
  });
});

describe('the table', () => {
  it('draws the largest ratio as a whole bar and half of it as half a bar', () => {
    expect(bar(8, 8)).toBe('█'.repeat(20));
    expect(bar(4, 8)).toBe('█'.repeat(10));
    expect(bar(0.2, 8)).toBe('▌');
  });

  it('names rows, notes, means and failures', () => {
    const failure = { suite: 'ic', name: 'broken', pass: 'forward', peer: 'Other', message: 'results differ' } as const;
    const rows = [row({ note: '* prepared' }), row({ name: 'other', ratio: 1, peerMs: 2 })];
    const lines = reportLines(report({ rows, failures: [failure] }));
    expect(lines[1]).toMatch(
      /^conv net b1 3x3 8x8 4->4 +forward +conv2d_subgroup \* +Other 1\.2\.3 +2\.00 +8\.00 +4\.00 .*12\.3 +█{20}$/,
    );
    expect(lines).toContain('* prepared');
    expect(lines.find((line) => line.startsWith('conv forward, Other'))).toMatch(/ 2 +2\.00$/);
    expect(lines.at(-1)).toBe('FAILED ic broken forward beside Other: results differ');
  });

  it('keeps peers apart, and says how each waits', () => {
    const third = { name: 'Third', version: 'unknown', waiting: 'in vain' };
    const rows = [row(), row({ peer: third, ratio: 2 }), row({ peer: null, peerMs: null, ratio: null })];
    const lines = reportLines(report({ rows }));
    expect(lines.filter((line) => line.startsWith('conv forward, '))).toHaveLength(2);
    expect(lines.filter((line) => line.includes(' waits '))).toEqual([
      'Other 1.2.3 waits for nobody.',
      'Third unknown waits in vain.',
    ]);
    const adapter = { ...report().adapter, software: true };
    expect(reportLines(report({ adapter, rows }))).toContain("Ours waits with this package's naps.");
  });

  it('says how many rows no peer computes', () => {
    expect(reportLines(report({ incomparable: 2 }))).toContain('2 rows are left out: none of the peers computes them.');
    expect(reportPage(report({ incomparable: 2 }))).toContain('2 rows that none of the peers computes');
  });

  it('says that it was interrupted', () => {
    expect(reportLines(report({ leftOut: 3 }))).toContain('Interrupted: 3 rows are left out.');
    expect(reportPage(report({ leftOut: 3 }))).toContain('3 rows are left out');
  });
});

describe('the page', () => {
  const ic = row({ suite: 'ic', ratio: 1.02 });
  const page = reportPage(report({ rows: [row(), ic, { ...ic, peer: plainConvolution }] }));

  it('needs nothing from elsewhere', () => {
    expect(page).not.toMatch(/<script|<link|<img|url\(|@import/);
    expect(
      page.replaceAll('http://www.w3.org/2000/svg', '').replaceAll('http://www.w3.org/1999/xlink', ''),
    ).not.toMatch(/https?:/);
  });

  it('has a ratio and a speed chart a suite and peer', () => {
    expect(page.match(/<svg/g)).toHaveLength(6);
    expect(page).toContain('<h2>Convolutions: times as fast as Other 1.2.3</h2>');
    expect(page).toContain('<h2>IC convolutions: times as fast as Other 1.2.3</h2>');
    expect(page).toContain('<h2>IC convolutions: time as a multiple of the plain convolution');
    expect(page).toContain('net b1 3x3 8x8 4-&gt;4 forward');
  });

  it('escapes what it did not write', () => {
    expect(page).toContain('driver &lt;1&gt;');
    expect(page).not.toContain('driver <1>');
  });
});

describe('the roofline', () => {
  const peaks = { fmaGflops: 100, copyGigabytesPerSecond: 1 };

  it('needs both peaks', () => {
    const fma = row({ suite: 'roofline', name: 'multiply-adds', samples: { ours: [4, 2], peer: [] } });
    const copy = row({ suite: 'roofline', name: 'copy of 64 MiB', samples: { ours: [50, 64], peer: [] } });
    expect(peaksOf([fma], 'float32')).toBeUndefined();
    const found = peaksOf([fma, copy], 'float32')!;
    // 64 MiB read and written in 50 ms.
    expect(found.copyGigabytesPerSecond).toBeCloseTo(2.684, 3);
    expect(found.fmaGflops).toBeCloseTo((2 * 64 * 4096 * 64 * 4 * 12) / 2e6, 6);
  });

  it('has the peak of matrix units where they were asked for, for what these multiply', () => {
    const fma = row({ suite: 'roofline', name: 'multiply-adds', samples: { ours: [4, 2], peer: [] } });
    const copy = row({ suite: 'roofline', name: 'copy of 64 MiB', samples: { ours: [50, 64], peer: [] } });
    const matrix = row({
      ...{ suite: 'roofline', name: 'multiply-adds of matrix units', oursMs: 3, gflops: 200 },
      samples: { ours: [3, 2, 4], peer: [] },
    });
    expect(peaksOf([fma, copy, matrix], 'float32')!.matrixGflops).toBe(300);
    const { name } = row({ name: 'resnet50 b1 3x3 56x56 64->64' });
    const many = { ...peaks, matrixGflops: 400, copyGigabytesPerSecond: 1000 };
    const shareOf = (family: string) => rooflineShares([row({ name, family, gflops: 50 })], many, 'float32')[0]!.share;
    expect(shareOf('matrix units')).toBe(0.125);
    expect(shareOf('conv2d_tiled')).toBe(0.5);
  });

  it('is the memory for a convolution that computes little', () => {
    const { name } = namedShapes().find((candidate) => candidate.name === 'resnet50 b1 1x1 7x7 512->2048')!;
    const [share] = rooflineShares([row({ name, gflops: 10 }), row({ name: 'unknown' })], peaks, 'float32');
    const operations = 2 * 49 * 512 * 2048;
    const bytes = 4 * (49 * 512 + 512 * 2048 + 49 * 2048);
    expect(share!.attainableGflops).toBeCloseTo(operations / bytes, 9);
    expect(share!.share).toBeCloseTo((10 * bytes) / operations, 9);
  });

  it('holds a convolution to it once, beside however many peers it ran', () => {
    const own = row({ name: 'resnet50 b1 3x3 56x56 64->64' });
    expect(rooflineShares([own, { ...own, peer: null }], peaks, 'float32')).toHaveLength(1);
  });

  it('is the arithmetic for one that computes much', () => {
    const rows = [row({ name: 'resnet50 b1 3x3 56x56 64->64', gflops: 50 })];
    const [share] = rooflineShares(rows, { ...peaks, copyGigabytesPerSecond: 10 }, 'float32');
    expect(share).toMatchObject({ attainableGflops: 100, share: 0.5 });
  });
});
