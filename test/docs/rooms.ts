import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, normalize } from 'node:path';

const { preProcessFile } = createRequire(import.meta.url)('typescript') as typeof import('typescript');

/*
 * The rooms of the code, which are its folders, and who calls whom.
 */

/** A room and what it imports. */
export interface Room {
  readonly name: string;
  /** Names of rooms. */
  readonly uses: ReadonlySet<string>;
}

/** Entries and what stands beside them, as `src/errors.ts`, are no rooms. */
const roomPattern = /^(?:src\/(\w+)|(bench))\//;

/** The rooms of a checkout, by name. */
export function readRooms(root: string): Map<string, Room> {
  const rooms = new Map<string, { name: string; uses: Set<string> }>();
  const roomOf = (path: string): string | undefined => {
    const [, inSource, outside] = roomPattern.exec(path) ?? [];
    return inSource ?? outside;
  };
  const files = ['src', 'bench'].flatMap((folder) =>
    (readdirSync(join(root, folder), { recursive: true }) as string[]).map((file) => `${folder}/${file}`),
  );
  for (const file of files.sort()) {
    const name = roomOf(file);
    if (name === undefined || !file.endsWith('.ts') || /\/(?:dist|node_modules)\//.test(file)) continue;
    const room = rooms.get(name) ?? { name, uses: new Set<string>() };
    rooms.set(name, room);
    const { importedFiles } = preProcessFile(readFileSync(join(root, file), 'utf8'));
    for (const { fileName } of importedFiles) {
      if (!fileName.startsWith('.')) continue;
      const used = roomOf(normalize(join(dirname(file), fileName)));
      if (used !== undefined && used !== name) room.uses.add(used);
    }
  }
  return rooms;
}

/** How many rooms stand below each at most. @throws Error naming a circle. */
export function heights(rooms: ReadonlyMap<string, Room>): Map<string, number> {
  const found = new Map<string, number>();
  const visit = (name: string, above: readonly string[]): number => {
    if (above.includes(name)) throw new Error(`rooms in a circle: ${[...above, name].join(' -> ')}`);
    const known = found.get(name);
    if (known !== undefined) return known;
    const height = Math.max(-1, ...[...rooms.get(name)!.uses].map((used) => visit(used, [...above, name]))) + 1;
    found.set(name, height);
    return height;
  };
  for (const name of rooms.keys()) visit(name, []);
  return found;
}

/** What a room uses without a room between. */
export function directUses(rooms: ReadonlyMap<string, Room>, name: string): string[] {
  const reach = (from: string): string[] => [...rooms.get(from)!.uses].flatMap((used) => [used, ...reach(used)]);
  const uses = [...rooms.get(name)!.uses];
  return uses.filter((used) => !uses.some((other) => other !== used && reach(other).includes(used)));
}

const box = { width: 104, height: 40 };
const gap = { across: 28, down: 46 };
const margin = 16;

/** The rooms as an SVG picture: each above what it uses, with an arrow to what it uses without a room between. */
export function drawRooms(rooms: ReadonlyMap<string, Room>): string {
  const height = heights(rooms);
  const rows: string[][] = [];
  for (let level = 0; level <= Math.max(...height.values()); level++) {
    rows.push([...height].filter(([, own]) => own === level).map(([name]) => name));
  }
  const widest = Math.max(...rows.map(({ length }) => length));
  const width = widest * (box.width + gap.across) - gap.across + 2 * margin;
  const place = new Map<string, { x: number; y: number }>();
  for (const [level, names] of rows.entries()) {
    // Above what it uses, as far as there is room.
    const wish = (name: string): number => {
      const below = directUses(rooms, name).map((used) => place.get(used)!.x);
      return below.length === 0 ? 0 : below.reduce((sum, x) => sum + x, 0) / below.length;
    };
    names.sort((a, b) => wish(a) - wish(b) || (a < b ? -1 : 1));
    const left = (width - (names.length * (box.width + gap.across) - gap.across)) / 2;
    const y = margin + (rows.length - 1 - level) * (box.height + gap.down);
    for (const [i, name] of names.entries()) place.set(name, { x: left + i * (box.width + gap.across), y });
  }
  const total = margin * 2 + rows.length * (box.height + gap.down) - gap.down;
  const lines = [...rooms.keys()].flatMap((name) =>
    directUses(rooms, name).map((used) => {
      const [from, to] = [place.get(name)!, place.get(used)!];
      const [x1, x2] = [from.x + box.width / 2, to.x + box.width / 2];
      const [y1, y2] = [from.y + box.height, to.y - 3];
      const bend = (y2 - y1) / 2;
      // Past the rooms between.
      const aside = y2 - y1 > box.height + gap.down ? box.width * 0.75 : 0;
      const curve = `${x1 + aside} ${y1 + bend} ${x2 + aside} ${y2 - bend} ${x2} ${y2}`;
      return `<path d="M${x1} ${y1}C${curve}" marker-end="url(#tip)"/>`;
    }),
  );
  const boxes = [...rooms.values()].map(({ name }) => {
    const { x, y } = place.get(name)!;
    const middle = x + box.width / 2;
    return [
      `<rect x="${x}" y="${y}" width="${box.width}" height="${box.height}" rx="6"/>`,
      `<text x="${middle}" y="${y + 25}">${name}</text>`,
    ].join('');
  });
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" font-family="system-ui, sans-serif">`,
    '<title>The rooms of the code: each stands above what it uses</title>',
    '<style>rect{fill:#eef2ff;stroke:#4338ca}text{text-anchor:middle;font-size:13px;fill:#1e1b4b}path{fill:none;stroke:#818cf8}#tip path{fill:#818cf8;stroke:none}</style>',
    '<marker id="tip" markerWidth="8" markerHeight="8" refX="5" refY="3" orient="auto"><path d="M0 0L6 3L0 6Z"/></marker>',
    ...lines.sort(),
    ...boxes.sort(),
    '</svg>',
  ].join('\n')}\n`;
}
