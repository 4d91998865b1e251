// Input channels that a lane loads at a time: 4.
alias Read = vec4<f32>;
alias StoredRead = vec4<Element>;
const READ = 4u;

fn channels_of(read: Read) -> array<f32, READ> {
  return array<f32, READ>(read.x, read.y, read.z, read.w);
}
