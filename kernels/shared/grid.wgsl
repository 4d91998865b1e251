// Workgroups are counted along one line and laid out in rows of GRID_WIDTH, since a device allows few along one axis.
fn workgroup_index(workgroup: vec3u) -> u32 {
  return workgroup.x + workgroup.y * GRID_WIDTH;
}
