import type { ImageDataset } from '../../io/dataset.js';
import { type RandomStream, randomStream } from '../../io/random.js';
import { digitGlyphs, type Point, type Stroke } from './strokes.js';

/** Height and width of a picture. */
export const digitSide = 28;
/** The longer side of what is drawn, before it is turned and slanted; as in MNIST. */
const boxSide = 20;
const curveSteps = 6;

/**
 * Handwriting made up on the spot: skeletons of the ten digits, bent, slanted, turned and drawn with a pen of some width,
 * white on black with their centre of mass in the middle, as in MNIST. Equal numbers of every digit, in turn.
 *
 * @param seed - another one gives other pictures
 */
export function drawnDigits(name: string, count: number, seed: number): ImageDataset {
  const images = new Uint8Array(count * digitSide * digitSide);
  const labels = Uint8Array.from({ length: count }, (_, index) => index % digitGlyphs.length);
  for (let index = 0; index < count; index++) {
    const picture = images.subarray(index * digitSide ** 2, (index + 1) * digitSide ** 2);
    drawDigit(labels[index]!, randomStream(seed, index), picture);
  }
  return { name, count, height: digitSide, width: digitSide, channels: 1, classes: digitGlyphs.length, images, labels };
}

/** Draws one digit; the picture is black before. */
function drawDigit(digit: number, random: RandomStream, picture: Uint8Array): void {
  const lines = linesOf(digit, random);
  const radius = 0.75 + 1.05 * random.uniform();
  for (const line of lines) drawLine(line, radius, picture);
}

/** The strokes of a digit as a hand would write it, in the middle of a square from 0 to 1; another seed, another hand. */
export function digitStrokes(digit: number, seed: number): Point[][] {
  const lines = linesOf(digit, randomStream(seed, digit));
  const middle = (axis: 0 | 1): number => {
    const places = lines.flat().map((point) => point[axis]);
    return (Math.min(...places) + Math.max(...places)) / 2;
  };
  const [left, top] = [middle(0) - digitSide / 2, middle(1) - digitSide / 2];
  return lines.map((line) => line.map(([x, y]) => [(x - left) / digitSide, (y - top) / digitSide]));
}

/** A digit's strokes as smooth lines, in pixels of the picture. */
function linesOf(digit: number, random: RandomStream): Point[][] {
  const glyphs = digitGlyphs[digit]!;
  const bend = 0.012 + 0.028 * random.uniform();
  const strokes = glyphs[random.below(glyphs.length)]!.map((stroke) => bent(stroke, bend, random));
  const move = placement(random);
  return centred(strokes.map((stroke) => curve(stroke).map(move)));
}

/** Approximately normal, with variance 1. */
function normal(random: RandomStream): number {
  return (random.uniform() + random.uniform() + random.uniform() - 1.5) * 2;
}

/** Moves every point of a stroke a little; a corner stays one. */
function bent(stroke: Stroke, amount: number, random: RandomStream): Stroke {
  let last: Point | undefined;
  let moved: Point = [0, 0];
  return stroke.map((point) => {
    const repeated = last?.[0] === point[0] && last?.[1] === point[1];
    if (!repeated) moved = [point[0] + amount * normal(random), point[1] + amount * normal(random)];
    last = point;
    return moved;
  });
}

/** Slant, turn, width and size of a digit. */
function placement(random: RandomStream): (point: Point) => Point {
  const slant = 0.16 * normal(random) - 0.1;
  const angle = 0.11 * normal(random);
  const width = 0.86 + 0.15 * normal(random);
  const size = boxSide * (0.94 + 0.06 * normal(random));
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  return ([x, y]) => {
    const down = (y - 0.5) * size;
    const right = (x - 0.5) * size * width * 0.92 + slant * down;
    return [right * cosine - down * sine, right * sine + down * cosine];
  };
}

/** A smooth line through a stroke's points (Catmull-Rom). */
function curve(stroke: Stroke): Point[] {
  const at = (index: number): Point => stroke[Math.min(Math.max(index, 0), stroke.length - 1)]!;
  const line: Point[] = [at(0)];
  for (let index = 0; index + 1 < stroke.length; index++) {
    for (let step = 1; step <= curveSteps; step++) {
      const t = step / curveSteps;
      const along = (axis: 0 | 1): number => {
        const [a, b, c, d] = [at(index - 1)[axis], at(index)[axis], at(index + 1)[axis], at(index + 2)[axis]];
        return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
      };
      line.push([along(0), along(1)]);
    }
  }
  return line;
}

/** Puts the centre of mass of all lines into the middle of the picture. */
function centred(lines: readonly Point[][]): Point[][] {
  let [mass, x, y] = [0, 0, 0];
  for (const line of lines) {
    for (let index = 1; index < line.length; index++) {
      const [from, to] = [line[index - 1]!, line[index]!];
      const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
      mass += length;
      x += (length * (from[0] + to[0])) / 2;
      y += (length * (from[1] + to[1])) / 2;
    }
  }
  const middle = digitSide / 2;
  return lines.map((line) => line.map(([px, py]): Point => [px - x / mass + middle, py - y / mass + middle]));
}

/** Draws a line with a round pen; only the pixels around each piece are looked at. */
function drawLine(line: readonly Point[], radius: number, picture: Uint8Array): void {
  const reach = radius + 1;
  const clamp = (value: number): number => Math.min(Math.max(Math.floor(value), 0), digitSide - 1);
  for (let index = 1; index < line.length; index++) {
    const [[x0, y0], [x1, y1]] = [line[index - 1]!, line[index]!];
    const [dx, dy] = [x1 - x0, y1 - y0];
    const square = dx * dx + dy * dy || 1;
    for (let y = clamp(Math.min(y0, y1) - reach); y <= clamp(Math.max(y0, y1) + reach); y++) {
      for (let x = clamp(Math.min(x0, x1) - reach); x <= clamp(Math.max(x0, x1) + reach); x++) {
        const along = ((x + 0.5 - x0) * dx + (y + 0.5 - y0) * dy) / square;
        const t = Math.min(Math.max(along, 0), 1);
        const distance = Math.hypot(x + 0.5 - x0 - t * dx, y + 0.5 - y0 - t * dy);
        const ink = Math.min(Math.max(radius + 0.5 - distance, 0), 1) * 255;
        const pixel = y * digitSide + x;
        if (ink > picture[pixel]!) picture[pixel] = ink;
      }
    }
  }
}
