import { call, listen } from '../engine.js';
import type { BenchOptions, BenchReport, NetworkRow, PlacedFile } from '../protocol.js';
import html from './bench.html?raw';
import { parseReport } from './benchReport.js';
import { byId, create } from './dom.js';
import { convolutionName, displayName } from './names.js';
import { figures, percent } from './numbers.js';
import { hideTrouble, showError } from './trouble.js';

/** The part of the page that measures. */
export function setUpBench(section: HTMLElement): { show(): void } {
  section.innerHTML = html;
  const form = byId<HTMLFormElement>('bench-form');
  const start = byId<HTMLButtonElement>('bench-start');
  const stop = byId<HTMLButtonElement>('bench-stop');
  const copy = byId<HTMLButtonElement>('bench-copy');
  const status = byId('bench-status');
  let own: BenchReport | undefined;
  let others: readonly BenchReport[] = [];

  const checked = (name: keyof BenchOptions): boolean => (form.elements.namedItem(name) as HTMLInputElement).checked;

  start.addEventListener('click', async () => {
    hideTrouble();
    setRunning(true);
    status.textContent = 'Loading the core';
    const peers = { tensorflow: checked('tensorflow'), onnxRuntime: checked('onnxRuntime') };
    const networks = checked('networks') || peers.tensorflow || peers.onnxRuntime;
    try {
      const network = (form.elements.namedItem('network') as HTMLSelectElement).value as BenchOptions['network'];
      own = await call('runBench', { tune: checked('tune'), networks, network, ...peers });
      status.textContent = 'Done';
      showReports(others);
    } catch (error) {
      status.textContent = 'Stopped';
      showError(error);
    } finally {
      setRunning(false);
    }
  });
  stop.addEventListener('click', () => call('stopBench').catch(showError));
  listen('benching', ({ row }) => {
    status.textContent = `Measuring ${row}`;
  });

  copy.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(JSON.stringify(own, null, 2));
      status.textContent = 'Copied';
    } catch {
      showError(new Error('The browser does not let this page write to the clipboard.'));
    }
  });

  const picker = byId<HTMLInputElement>('bench-file');
  byId('bench-open').addEventListener('click', () => picker.click());
  picker.addEventListener('change', () => {
    openReports([...(picker.files ?? [])]);
    picker.value = '';
  });
  addEventListener('filesdropped', (event) => {
    if (section.hidden) return;
    const { files } = (event as CustomEvent<{ files: readonly PlacedFile[] }>).detail;
    openReports(files.map(({ file }) => file));
  });
  addEventListener('paste', (event) => {
    const text = event.clipboardData?.getData('text');
    if (section.hidden || !text?.trimStart().startsWith('{')) return;
    add(text, 'What was pasted');
  });

  async function openReports(files: readonly File[]): Promise<void> {
    hideTrouble();
    for (const file of files) add(await file.text(), file.name);
  }

  function add(text: string, name: string): void {
    try {
      showReports([...others, parseReport(text, name)]);
    } catch (error) {
      showError(error);
    }
  }

  function setRunning(running: boolean): void {
    const pressed = document.activeElement === (running ? start : stop);
    start.disabled = running;
    stop.hidden = !running;
    copy.disabled = running || !own;
    for (const field of form.elements) (field as HTMLInputElement).disabled = running;
    if (pressed) (running ? stop : start).focus();
  }

  /** Shows results of other machines beside those of this one, and keeps them. */
  function showReports(beside: readonly BenchReport[]): void {
    const reports = [...(own ? [own] : []), ...beside];
    byId('bench-results').replaceChildren(...reports.map((report) => reportElement(report, own)));
    others = beside;
  }

  return { show() {} };
}

/** A report as tables; beside `base`, where that is another one, with how its times compare. */
function reportElement(report: BenchReport, base: BenchReport | undefined): HTMLElement {
  const { adapter, date, tuned, peaks, convolutions, networks } = report;
  const compared = base !== undefined && base !== report;
  const facts = [
    new Date(date).toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric' }),
    tuned ? 'tuned' : 'not tuned',
    ...(peaks ? [`peaks: ${figures(peaks.fmaGflops)} GFLOP/s, ${figures(peaks.copyGigabytesPerSecond)} GB/s`] : []),
  ];
  const ratio = (time: number, own: number | undefined): string =>
    own === undefined ? '–' : `${(time / own).toFixed(2)} ×`;
  const against = (find: (other: BenchReport) => number | undefined, time: number): string[] =>
    compared ? [ratio(time, find(base))] : [];
  const more = compared ? ['Over yours'] : [];
  return create(
    'section',
    { className: 'report' },
    create('h2', {}, adapter.charAt(0).toUpperCase() + adapter.slice(1)),
    create('p', { className: 'small' }, facts.join(' · ')),
    table(
      ['Convolution', 'IC', 'Plain', 'IC / plain', 'GFLOP/s', 'Of peak', 'Kernel', ...more],
      convolutions.map((row) => [
        convolutionName(row.name),
        time(row.icMilliseconds),
        time(row.plainMilliseconds),
        `${(row.icMilliseconds / row.plainMilliseconds).toFixed(2)} ×`,
        figures(row.gflops),
        row.share === undefined ? '–' : percent(row.share, 0),
        row.form === row.heuristic || !row.form ? (row.form ?? '–') : `${row.form}, in place of ${row.heuristic}`,
        ...against(
          (other) => other.convolutions.find(({ name }) => name === row.name)?.icMilliseconds,
          row.icMilliseconds,
        ),
      ]),
    ),
    ...(networks.length > 0
      ? [
          table(
            ['Network', 'A picture', 'Pictures / s', 'TensorFlow.js', 'ONNX Runtime', ...more],
            networks.map((row) => [
              displayName(row.name),
              time(row.milliseconds),
              figures(1000 / row.milliseconds),
              peerText(row, row.peers.tensorflow),
              peerText(row, row.peers.onnxRuntime),
              ...against(
                (other) => other.networks.find(({ name }) => name === row.name)?.milliseconds,
                row.milliseconds,
              ),
            ]),
          ),
        ]
      : []),
  );
}

function peerText({ milliseconds }: NetworkRow, peer: number | undefined): string {
  return peer === undefined ? '–' : `${time(peer)}, ${(peer / milliseconds).toFixed(1)} ×`;
}

function time(milliseconds: number): string {
  return milliseconds >= 1 ? `${figures(milliseconds)} ms` : `${figures(milliseconds * 1000)} µs`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): HTMLElement {
  const cells = (tag: 'th' | 'td', texts: readonly string[]): HTMLElement[] =>
    texts.map((text, index) =>
      tag === 'td' && index === 0
        ? create('th', { scope: 'row' }, text)
        : create(tag, tag === 'th' ? { scope: 'col' } : {}, text),
    );
  return create(
    'div',
    { className: 'table', tabIndex: 0, role: 'group', ariaLabel: `${head[0]} times` },
    create(
      'table',
      {},
      create('thead', {}, create('tr', {}, ...cells('th', head))),
      create('tbody', {}, ...rows.map((row) => create('tr', {}, ...cells('td', row)))),
    ),
  );
}
