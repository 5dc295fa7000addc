//! The cases of the suite `interrupted` over `multus-shim` and `multus-daemon`.

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
