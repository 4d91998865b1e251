// Tiles in workgroup memory, and their products, in float32.
alias Tile = f32;
alias TilePair = vec2<f32>;
alias TileVector = Vector;
const HALF = false;
