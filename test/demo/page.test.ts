import { describe, expect, it } from 'vitest';
import { remarksOn } from '../../src/demo/page/adapter.js';
import { parseReport } from '../../src/demo/page/benchReport.js';
import { createCurve } from '../../src/demo/page/curve.js';
import { oneAtATime } from '../../src/demo/page/dom.js';
import { convolutionName, displayName, layerName } from '../../src/demo/page/names.js';
import { duration, figures, percent, scaled } from '../../src/demo/page/numbers.js';
import { createPace } from '../../src/demo/page/pace.js';
import { formatOf, isPictureFile } from '../../src/demo/page/pictureFile.js';
import { adviceFor } from '../../src/demo/page/trouble.js';
import { partOf } from '../../src/demo/page/writing.js';
import type { BenchReport } from '../../src/demo/protocol.js';

describe('Numbers as the page writes them', () => {
  it('keeps the figures that mean something', () => {
    expect([percent(0.98765), percent(0.98765, 2), percent(undefined)]).toEqual(['98.8 %', '98.77 %', '–']);
    expect([figures(1234.6), figures(12.345), figures(Number.NaN)]).toEqual(['1,235', '12.3', '–']);
    expect([scaled(320), scaled(1500), scaled(25.6e6), scaled(4.1e9)]).toEqual(['320', '1.50 k', '25.6 M', '4.10 G']);
    expect([duration(12.4), duration(245), duration(4800)]).toEqual(['12 s', '4 min 5 s', '1 h 20 min']);
  });

  it('names layers for people', () => {
    expect(layerName('layer2.0.conv2')).toBe('Stage 2, first block, second convolution');
    expect(layerName('layer3.1.downsample.0')).toBe('Stage 3, second block, shortcut');
    expect(layerName('layer3.22.conv1')).toBe('Stage 3, block 23, first convolution');
    expect(layerName('conv1')).toBe('First convolution');
  });

  it('writes names as in text', () => {
    expect(displayName('ic-resnet8')).toBe('IC-ResNet-8');
    expect(displayName('cifar-resnet50')).toBe('ResNet-50');
    expect(convolutionName('resnet50 b1 7x7/2 224x224 3->64')).toBe('ResNet-50, 7 × 7 stride 2, 224 × 224, 3 → 64');
    expect(convolutionName('resnet20 b32 3x3 32x32 16->16')).toBe('ResNet-20, batch 32, 3 × 3, 32 × 32, 16 → 16');
  });
});

describe('The pace', () => {
  it('is that of the last seconds', () => {
    let now = 0;
    const pace = createPace(() => now);
    expect(pace.perSecond()).toBeUndefined();
    for (; now <= 20_000; now += 500) pace.add(now < 10_000 ? 1 : 5);
    expect(pace.perSecond()).toBeCloseTo(10, 5);
    pace.clear();
    expect(pace.perSecond()).toBeUndefined();
  });
});

describe('A curve', () => {
  it('starts where a checkpoint was taken, and is cut where training went back', () => {
    const curve = createCurve();
    curve.append(2, [4, 2]);
    expect(curve.values).toEqual([null, null, 4, 2]);
    expect(curve.means).toEqual([null, null, 4, 3]);
    curve.append(3, [6, 5]);
    expect(curve.values).toEqual([null, null, 4, 6, 5]);
    curve.cut(3);
    expect(curve.means).toEqual([null, null, 4]);
    curve.cut(7);
    curve.append(4, [1]);
    expect(curve.values).toEqual([null, null, 4, null, 1]);
  });

  it('is smoothed over more and more values, then evenly', () => {
    const curve = createCurve();
    curve.append(0, [1, 2, 3, 4]);
    expect(curve.means.at(-1)).toBeCloseTo(2.5, 6);
    curve.append(4, Array<number>(20).fill(2.5));
    curve.append(24, [3.5]);
    expect(curve.means.at(-1)! - curve.means.at(-2)!).toBeCloseTo(0.12 * (3.5 - curve.means.at(-2)!), 6);
  });
});

describe('Advice', () => {
  const trouble = { name: 'LimitError', message: 'buffer: size' };

  it('tells memory, a lost GPU and no GPU apart', () => {
    expect(adviceFor(trouble).title).toContain('not enough memory');
    expect(adviceFor(trouble).steps.join()).toContain('smaller batch');
    const lost = { name: 'DeviceLostError', message: 'run: device', operation: 'run', parameter: 'device' };
    expect(adviceFor(lost).title).toContain('taken away');
    expect(adviceFor(lost).steps.join()).toContain('Try again');
    const none = { ...lost, operation: 'openDevice', parameter: 'adapter' };
    expect(adviceFor(none).title).toContain('gives this page no GPU');
  });

  it('says what the page itself says as it is', () => {
    expect(adviceFor({ name: 'Error', message: 'Choose a file.' })).toEqual({ title: 'Choose a file.', steps: [] });
    expect(adviceFor({ name: 'TypeError', message: 'x is no function' }).title).toBe('Something went wrong.');
  });

  it('names what the adapter does without', () => {
    const remarks = (...features: string[]): string[] => remarksOn({ features: new Set(features) }, false);
    expect(remarks('subgroups', 'shader-f16', 'timestamp-query')).toEqual([]);
    expect(remarks('shader-f16', 'timestamp-query')).toEqual([expect.stringContaining('no subgroups')]);
    expect(remarks('subgroups', 'timestamp-query')).toEqual([expect.stringContaining('no float16')]);
    expect(remarks('subgroups', 'shader-f16')).toEqual([expect.stringContaining('no timestamps')]);
    expect(remarksOn({ features: new Set(['subgroups', 'shader-f16', 'timestamp-query']) }, true)).toHaveLength(1);
  });
});

describe('Results of the bench', () => {
  const report: BenchReport = {
    format: 'ic-networks demo bench',
    version: '0.1.0',
    date: '2026-01-01T00:00:00.000Z',
    adapter: 'a GPU',
    tuned: false,
    convolutions: [{ name: 'resnet50 b1 3x3 56x56 64->64', icMilliseconds: 2, plainMilliseconds: 1.9, gflops: 100 }],
    networks: [{ name: 'ic-resnet50', milliseconds: 20, peers: {} }],
  };

  it('are read as they were written', () => {
    expect(parseReport(JSON.stringify(report), 'file')).toEqual(report);
  });

  it('are refused where they are something else', () => {
    expect(() => parseReport('{', 'notes.json')).toThrow('notes.json is no JSON.');
    for (const broken of [
      null,
      {},
      { ...report, format: 'other' },
      { ...report, convolutions: 3 },
      { ...report, convolutions: [{ name: 'x', icMilliseconds: 0, plainMilliseconds: 1 }] },
      { ...report, convolutions: [null] },
      { ...report, convolutions: [{ ...report.convolutions[0], gflops: undefined }] },
      { ...report, networks: [{ name: 'x', milliseconds: '<b>', peers: {} }] },
      { ...report, networks: [{ name: 'x', milliseconds: 1, peers: null }] },
      { ...report, networks: [{ name: 'x', milliseconds: 1, peers: { tensorflow: '1' } }] },
      { ...report, peaks: { fmaGflops: 1 } },
      { ...report, date: 'yesterday' },
    ]) {
      expect(() => parseReport(JSON.stringify(broken), 'it')).toThrow('holds no results');
    }
  });
});

describe('Pictures', () => {
  it('are known by type or name', () => {
    expect(isPictureFile({ name: 'a', type: 'image/png' })).toBe(true);
    for (const name of ['a.SVG', 'b.avif', 'c.jpeg', 'd.heic', 'e.tif'])
      expect(isPictureFile({ name, type: '' }), name).toBe(true);
    expect(isPictureFile({ name: 'notes.txt', type: 'text/plain' })).toBe(false);
  });

  it('of formats that not every browser draws are known by their first bytes', () => {
    const bytes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
    expect(formatOf(bytes('\0\0\0\u0018ftypheic\0\0\0\0'))).toBe('HEIC');
    expect(formatOf(bytes('\0\0\0\u0018ftypavif\0\0\0\0'))).toBeUndefined();
    expect(formatOf(bytes('II*\0........'))).toBe('TIFF');
    expect(formatOf(bytes('MM\0*........'))).toBe('TIFF');
    expect(formatOf(bytes('short'))).toBeUndefined();
  });
});

it('A drawing comes stroke by stroke, with one point at least', () => {
  const strokes = [
    [
      [0, 0],
      [0, 1],
    ],
    [[1, 1]],
  ] as const;
  expect(partOf(strokes, 0)).toEqual([[[0, 0]]]);
  expect(partOf(strokes, 0.67)).toEqual([strokes[0]]);
  expect(partOf(strokes, 1)).toEqual(strokes);
});

it('Work that is asked for while it is done is done once more, and goes on behind a failure', async () => {
  const ends: ((error?: Error) => void)[] = [];
  const ask = oneAtATime(() => new Promise<void>((done, fail) => ends.push((error) => (error ? fail(error) : done()))));
  const turn = () => new Promise((done) => setTimeout(done));
  const first = ask();
  for (let times = 0; times < 3; times++) await ask();
  expect(ends).toHaveLength(1);
  ends[0]!();
  await turn();
  expect(ends).toHaveLength(2);
  ends[1]!();
  await first;
  const failing = ask();
  ends[2]!(new Error('no'));
  await expect(failing).rejects.toThrow('no');
  const last = ask();
  expect(ends).toHaveLength(4);
  ends[3]!();
  await last;
});
