import { curveColours } from './charts.js';
import { resolvedColour } from './dom.js';
import { type Comparison, comparisons, isShown, nameOf, points, type RaceResult, wordsOf } from './raceResult.js';
import { reachOf } from './verdict.js';

/** As previews of links are. */
export const pictureSize = { width: 1200, height: 630 };
const margin = 64;
const words = 620;

/**
 * Draws a result as a picture in the page's colours: the number with its spread on the left, the races as dots below, a chart
 * on the right.
 */
export function drawResult(
  result: RaceResult,
  source: string,
  chart: HTMLCanvasElement | undefined,
  place: HTMLElement,
): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, pictureSize);
  const context = canvas.getContext('2d')!;
  const colour = (property: string): string => resolvedColour(property, place);
  const { fontFamily } = getComputedStyle(place);
  const write = (text: string, x: number, y: number, font: string, property: string): number => {
    context.font = `${font} ${fontFamily}`;
    context.fillStyle = colour(property);
    return wrapped(context, text, x, y, words);
  };
  const found = comparisons(result.tests);
  const [main] = found;

  context.fillStyle = colour('--paper');
  context.fillRect(0, 0, canvas.width, canvas.height);
  write('IC networks, on your GPU', margin, 84, '600 28px', '--ink');
  if (main) {
    write(points(main.estimate.mean), margin, 216, '650 120px', isShown(main) ? '--accent' : '--soft');
    write('points of test error, IC less plain', margin, 258, '400 26px', '--soft');
    const end = write(wordsOf(result, main), margin, 316, '400 28px', '--ink');
    const reach = reachOf(found);
    found.forEach((comparison, row) => {
      const y = end + 42 + 62 * row;
      write(nameOf(result, comparison.role), margin, y + 7, '400 22px', '--soft');
      drawStrip(context, comparison, reach, { left: margin + 190, width: words - 190, y }, colour);
    });
  } else {
    write('Three networks race', margin, 216, '650 64px', '--ink');
  }
  write(source, margin, canvas.height - 44, '400 20px', '--soft');
  if (chart) {
    const width = canvas.width - words - 2 * margin - 40;
    const height = Math.min((width * chart.height) / chart.width, 380);
    write('Loss', margin + words + 40, 130, '600 24px', '--ink');
    context.drawImage(chart, margin + words + 40, 150, width, height);
  }
  return canvas;
}

function drawStrip(
  context: CanvasRenderingContext2D,
  { role, differences, estimate }: Comparison,
  reach: number,
  { left, width, y }: { readonly left: number; readonly width: number; readonly y: number },
  colour: (property: string) => string,
): void {
  const at = (share: number): number => left + (width / 2) * (1 + Math.max(-1, Math.min(1, share / reach)));
  context.fillStyle = colour('--line');
  context.fillRect(left, y - 1, width, 2);
  context.fillStyle = colour('--ink');
  context.fillRect(at(0) - 1, y - 22, 2, 44);
  context.fillStyle = colour(curveColours[role]);
  if (differences.length > 1) {
    context.globalAlpha = 0.25;
    context.fillRect(at(estimate.low), y - 14, at(estimate.high) - at(estimate.low), 28);
    context.globalAlpha = 1;
    context.fillRect(at(estimate.mean) - 2, y - 18, 4, 36);
  }
  for (const share of differences) {
    context.beginPath();
    context.arc(at(share), y, 7, 0, 2 * Math.PI);
    context.fill();
  }
}

/** Writes words in lines of some width; the y of the last one. */
function wrapped(context: CanvasRenderingContext2D, text: string, x: number, y: number, width: number): number {
  const size = Number.parseFloat(/(\d+)px/.exec(context.font)![1]!);
  let line = '';
  let at = y;
  for (const word of text.split(' ')) {
    const longer = line ? `${line} ${word}` : word;
    if (line && context.measureText(longer).width > width) {
      context.fillText(line, x, at);
      at += size * 1.3;
      line = word;
    } else {
      line = longer;
    }
  }
  context.fillText(line, x, at);
  return at;
}
