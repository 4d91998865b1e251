// What changes from step to step, written by the host ahead of each.
struct StepState {
  step: u32,
  learning_rate: f32,
  // AdamW's bias corrections: 1 - beta1^t and 1 - beta2^t.
  first_correction: f32,
  second_correction: f32,
}
