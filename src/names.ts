/** A name as names are compared: small letters, without hyphens and underscores. */
export function loosely(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '');
}

/** Letters that say which name is meant. */
const leastBeginning = 3;

/**
 * ` (did you mean NAME?)` for the first name that begins with the one given, or the one that is nearest to it, where one is near
 * enough; else nothing.
 */
export function didYouMean(given: string, names: readonly string[]): string {
  const wanted = loosely(given);
  const begun = names.find((name) => wanted.length >= leastBeginning && loosely(name).startsWith(wanted));
  if (begun !== undefined) return ` (did you mean ${begun}?)`;
  const distances = names.map((name) => editDistance(wanted, loosely(name)));
  const least = Math.min(...distances);
  // Two slips in a short word make it another word.
  return least <= wanted.length / 3 ? ` (did you mean ${names[distances.indexOf(least)]}?)` : '';
}

/** Characters to put in, take out, replace or swap with their neighbours until one word is the other. */
function editDistance(from: string, to: string): number {
  // Of the starts of `from`, in rows, to those of `to`.
  const rows = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= from.length; row++) {
    const above = rows[row - 1]!;
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = above[column - 1]! + (from[row - 1] === to[column - 1] ? 0 : 1);
      const swaps = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const swapped = swaps ? rows[row - 2]![column - 2]! + 1 : Number.POSITIVE_INFINITY;
      current.push(Math.min(above[column]! + 1, current[column - 1]! + 1, replaced, swapped));
    }
    rows.push(current);
  }
  return rows[from.length]![to.length]!;
}

/** Names that a sentence has: as many as one looks at. */
export const shownNames = 3;

/** The first of some names, and how many more there are. */
export function listNames(names: readonly string[], most = shownNames): string {
  const rest = names.length - most;
  return names.slice(0, most).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
