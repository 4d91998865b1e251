// One value of a column tile whose vectors have several.
fn store_column(four: u32, of_four: u32, column: u32, value: f32) {
  let vector = column / VECTOR;
  column_tile[four][of_four][vector / COLUMN_THREADS][vector % COLUMN_THREADS][column % VECTOR] = Tile(value);
}
