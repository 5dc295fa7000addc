//! The cases of the suite `delegate_faults` over `multus-shim` and `multus-daemon`.

#[path = "delegate_faults/answers.rs"]
mod answers;
#[path = "delegate_faults/codes.rs"]
mod codes;
#[path = "delegate_faults/deaths.rs"]
mod deaths;
#[path = "delegate_faults/floods.rs"]
mod floods;
#[path = "delegate_faults/optional.rs"]
mod optional;
#[path = "delegate_faults/programs.rs"]
mod programs;
#[path = "delegate_faults/streams.rs"]
mod streams;
#[path = "delegate_faults/trio.rs"]
mod trio;
#[path = "delegate_faults/undo.rs"]
mod undo;
