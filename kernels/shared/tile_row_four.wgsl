// One term of four rows on its way into a tile.
fn store_row_four(depth: vec2<u32>, four: u32, value: vec4<Element>) {
  row_tile[depth.x][depth.y][four / ROW_THREADS][four % ROW_THREADS][0] = TilePair(value.xy);
  row_tile[depth.x][depth.y][four / ROW_THREADS][four % ROW_THREADS][1] = TilePair(value.zw);
}
