//! What becomes of an ADD or a DEL whose plugins go wrong: the error says which network's plugin did what and why, what was
//! done before is undone in reverse, and what cannot be undone stays in the ledger.

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
#[path = "delegate_faults/rests.rs"]
mod rests;
#[path = "delegate_faults/streams.rs"]
mod streams;
#[path = "delegate_faults/trio.rs"]
mod trio;
#[path = "delegate_faults/undo.rs"]
mod undo;
