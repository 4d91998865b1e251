// Four terms of a column of a tile whose vectors have one.
fn store_column_four(four: u32, column: u32, value: vec4<f32>) {
  /* unroll */ for (var e = 0u; e < 4u; e++) {
    column_tile[four][e][column / COLUMN_THREADS][column % COLUMN_THREADS] = Tile(value[e]);
  }
}
