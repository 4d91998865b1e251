import { describe, expect, it } from 'vitest';
import { parseReport } from '../../src/demo/page/benchReport.js';
import { convolutionName, displayName } from '../../src/demo/page/names.js';
import { duration, figures, percent, scaled } from '../../src/demo/page/numbers.js';
import { createPace } from '../../src/demo/page/pace.js';
import type { BenchReport } from '../../src/demo/protocol.js';

describe('Numbers as the page writes them', () => {
  it('keeps the figures that mean something', () => {
    expect([percent(0.98765), percent(0.98765, 2), percent(undefined)]).toEqual(['98.8 %', '98.77 %', '–']);
    expect([figures(1234.6), figures(12.345), figures(Number.NaN)]).toEqual(['1,235', '12.3', '–']);
    expect([scaled(320), scaled(1500), scaled(25.6e6), scaled(4.1e9)]).toEqual(['320', '1.50 k', '25.6 M', '4.10 G']);
    expect([duration(12.4), duration(245), duration(4800)]).toEqual(['12 s', '4 min 5 s', '1 h 20 min']);
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
      { ...report, networks: [{ name: 'x', milliseconds: '<b>', peers: {} }] },
    ]) {
      expect(() => parseReport(JSON.stringify(broken), 'it')).toThrow('holds no results');
    }
  });
});
