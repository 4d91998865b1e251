// Tiles in workgroup memory, and the products of one step, in float16, for vectors of 4.
enable f16;
alias Tile = f16;
alias TilePair = vec2<f16>;
alias TileVector = vec4<f16>;
const HALF = true;
