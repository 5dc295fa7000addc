//! What becomes of a container whose ADD or DEL was interrupted, ran beside another one, or had no disk to write to: the DEL
//! that follows leaves nothing, and never works beside what an earlier call still does.

#[path = "interrupted/beside.rs"]
mod beside;
#[path = "interrupted/books.rs"]
mod books;
#[path = "interrupted/cache.rs"]
mod cache;
#[path = "interrupted/crowd.rs"]
mod crowd;
#[path = "interrupted/disk.rs"]
mod disk;
#[path = "interrupted/gc.rs"]
mod gc;
#[path = "interrupted/killed.rs"]
mod killed;
#[path = "interrupted/late.rs"]
mod late;
#[path = "interrupted/locks.rs"]
mod locks;
#[path = "interrupted/real.rs"]
mod real;
#[path = "interrupted/repeated.rs"]
mod repeated;
#[path = "interrupted/rests.rs"]
mod rests;
#[path = "interrupted/status.rs"]
mod status;
