import type { Report, Row } from '../../src/compare/rows.js';

/** A row of a comparison, with what the test is about. */
export function row(more: Partial<Row> = {}): Row {
  return {
    suite: 'conv',
    name: 'net b1 3x3 8x8 4->4',
    pass: 'forward',
    peer: { name: 'Other', version: '1.2.3', waiting: 'for nobody' },
    family: 'conv2d_subgroup',
    oursMs: 2,
    peerMs: 8,
    ratio: 4,
    ratioLow: 3.5,
    ratioHigh: 4.5,
    gflops: 12.3,
    samples: { ours: [2, 2, 2], peer: [7, 8, 9] },
    ...more,
  };
}

/** A report of rows. */
export function report(more: Partial<Report> = {}): Report {
  return {
    adapter: {
      vendor: 'maker',
      architecture: 'chip',
      device: 'card',
      description: 'driver <1>',
      software: false,
      subgroupMinSize: 32,
      subgroupMaxSize: 32,
    },
    driver: 'driver <1>',
    versions: { 'ic-networks': '0.1.0', node: '20.19.0' },
    commit: 'abc',
    date: '2026-01-01T00:00:00.000Z',
    without: [],
    precision: 'float32',
    tuned: false,
    rows: [row()],
    failures: [],
    leftOut: 0,
    incomparable: 0,
    roofline: [],
    ...more,
  };
}
