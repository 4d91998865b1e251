// Input channels that a lane loads at a time: 2.
alias Read = vec2<f32>;
alias StoredRead = vec2<Element>;
const READ = 2u;

fn channels_of(read: Read) -> array<f32, READ> {
  return array<f32, READ>(read.x, read.y);
}
