// Tiles in workgroup memory, and the products of one step, in float16, for vectors of 1.
enable f16;
alias Tile = f16;
alias TilePair = vec2<f16>;
alias TileVector = f16;
const HALF = true;
