// One value of a column tile whose vectors have one.
fn store_column(four: u32, of_four: u32, column: u32, value: f32) {
  column_tile[four][of_four][column / COLUMN_THREADS][column % COLUMN_THREADS] = Tile(value);
}
