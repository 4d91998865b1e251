import { create } from './dom.js';
import { percent } from './numbers.js';

/** Class probabilities as bars. */
export interface Bars {
  show(probabilities: Float32Array | undefined, classes: readonly string[]): void;
}

/** Of more classes than this only the likeliest are shown. */
const most = 10;

export function createBars(place: HTMLElement): Bars {
  let names = '';
  let rows: { bar: HTMLElement; value: HTMLElement; row: HTMLElement; label: HTMLElement }[] = [];

  function build(count: number): void {
    rows = Array.from({ length: count }, () => {
      const label = create('span', { className: 'bar-name' });
      const bar = create('i');
      const value = create('span', { className: 'bar-value' });
      return {
        label,
        bar,
        value,
        row: create('li', {}, label, create('span', { className: 'bar-track' }, bar), value),
      };
    });
    place.replaceChildren(...rows.map(({ row }) => row));
  }

  return {
    show(probabilities, classes) {
      const few = classes.length <= most;
      const order = Array.from(classes.keys());
      if (!few && probabilities) order.sort((a, b) => probabilities[b]! - probabilities[a]!);
      const shown = order.slice(0, most);
      if (names !== `${shown.length}`) build(shown.length);
      names = `${shown.length}`;
      const best = probabilities ? Math.max(...probabilities) : 1;
      for (const [index, { label, bar, value, row }] of rows.entries()) {
        const share = probabilities?.[shown[index]!] ?? 0;
        label.textContent = classes[shown[index]!]!.split(',')[0]!;
        bar.style.transform = `scaleX(${share})`;
        value.textContent = probabilities ? percent(share) : '';
        row.classList.toggle('best', probabilities !== undefined && share === best);
      }
    },
  };
}
