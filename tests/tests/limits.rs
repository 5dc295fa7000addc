//! What `multus` may cost where that does not depend on the machine: size, memory, processes, threads, descriptors,
//! instructions. The numbers are those of `docs/SPECIFICATION.md`, and the names of the tests end in the number of the rule
//! that they keep; times are measured by `cargo xtask bench`.

#[path = "limits/build.rs"]
mod build;
#[path = "limits/daemon.rs"]
mod daemon;
#[path = "limits/instructions.rs"]
mod instructions;
#[path = "limits/memory.rs"]
mod memory;
#[path = "limits/processes.rs"]
mod processes;
#[path = "limits/shim.rs"]
mod shim;
#[path = "limits/stage.rs"]
mod stage;
