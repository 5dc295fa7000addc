//! Chores of this repository: demo, test, bench.

fn main() {}
