//! multus, the CNI plugin that plans by itself.

fn main() {}
