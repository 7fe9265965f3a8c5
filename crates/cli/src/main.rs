//! The `voxline` command.
fn main() {}
