// Four terms of a column of a tile whose vectors have several.
fn store_column_four(four: u32, column: u32, value: vec4<f32>) {
  let vector = column / VECTOR;
  /* unroll */ for (var e = 0u; e < 4u; e++) {
    column_tile[four][e][vector / COLUMN_THREADS][vector % COLUMN_THREADS][column % VECTOR] = Tile(value[e]);
  }
}
