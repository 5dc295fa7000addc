//! A heap for a program that lives for one call: [`Heap`].
//!
//! A plugin allocates a few thousand small blocks within two milliseconds, and ends. An allocator that is made for servers
//! spends more time on giving memory back to the kernel and on its own tidiness than the program has; musl's asks the kernel
//! for pages and returns them dozens of times. Here a block that is freed waits for the next one of its size, and nothing goes
//! back but what is large. A page that is touched for the first time costs as much as thousands of instructions: the block at the
//! end of what is used grows and goes where it is.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Sizes up to this are multiples of [`STEP`].
const FINE: usize = 1 << 10;
/// What every block is a multiple of, and aligned to.
const STEP: usize = 16;
/// Sizes above [`FINE`] are powers of two up to this; what is larger, or has to be aligned otherwise, is the system's.
const LARGEST: usize = 64 << 10;
/// How many sizes there are.
const SIZES: usize = FINE / STEP + (LARGEST / FINE).ilog2() as usize;
/// What the system is asked for at a time.
const CHUNK: usize = 256 << 10;

/// The heap. For `#[global_allocator]`.
#[derive(Debug)]
pub struct Heap;

struct Blocks {
    /// What is left of the current chunk.
    next: *mut u8,
    left: usize,
    /// Of each size the block that was freed last. It begins with the address of the one before it.
    free: [*mut u8; SIZES],
}

thread_local! {
    /// A thread's own: there is nobody to wait for. A block that another thread frees is that one's from then on, and what a thread
    /// has when it ends is nobody's: there are few.
    static BLOCKS: UnsafeCell<Blocks> = const {
        UnsafeCell::new(Blocks {
            next: ptr::null_mut(),
            left: 0,
            free: [ptr::null_mut(); SIZES],
        })
    };
}

/// Does something with this thread's blocks that allocates nothing from this heap.
fn with<T>(work: impl FnOnce(&mut Blocks) -> T) -> T {
    // SAFETY: no other thread has them, and `work` does not come here again.
    BLOCKS.with(|blocks| work(unsafe { &mut *blocks.get() }))
}

/// A size of blocks: its number, and how many bytes such a block has. `None` where the system takes over.
fn size_of(layout: Layout) -> Option<(usize, usize)> {
    let bytes = layout.size();
    if layout.align() > STEP {
        return None;
    }
    if bytes <= FINE {
        let number = bytes.saturating_sub(1) / STEP;
        return Some((number, (number + 1) * STEP));
    }
    if bytes > LARGEST {
        return None;
    }
    let bytes = bytes.next_power_of_two();
    Some((FINE / STEP + (bytes / FINE).ilog2() as usize - 1, bytes))
}

impl Blocks {
    fn take(&mut self, number: usize, bytes: usize) -> *mut u8 {
        let Some(free) = self.free.get_mut(number) else {
            return ptr::null_mut();
        };
        let block = *free;
        if !block.is_null() {
            // SAFETY: `give` has put the address there, and nobody else has had the block since.
            *free = unsafe { block.cast::<*mut u8>().read() };
            return block;
        }
        if self.left < bytes {
            let chunk = chunk();
            if chunk.is_null() {
                return chunk;
            }
            (self.next, self.left) = (chunk, CHUNK);
        }
        let block = self.next;
        // SAFETY: there are `left` bytes at `next`, and `bytes` are not more.
        self.next = unsafe { block.add(bytes) };
        self.left -= bytes;
        block
    }

    /// Gives a block another size if it is the last one; whether it was.
    fn resize(&mut self, block: *mut u8, old: usize, new: usize) -> bool {
        if block.wrapping_add(old) != self.next || new > old + self.left {
            return false;
        }
        self.next = self.next.wrapping_sub(old).wrapping_add(new);
        self.left = self.left + old - new;
        true
    }

    fn give(&mut self, number: usize, block: *mut u8, bytes: usize) {
        if self.resize(block, bytes, 0) {
            return;
        }
        if let Some(free) = self.free.get_mut(number) {
            // SAFETY: the block is nobody's any more; it has room for an address, and is aligned for one.
            unsafe { block.cast::<*mut u8>().write(*free) };
            *free = block;
        }
    }
}

/// The first chunk is in the program's own memory, for which nobody has to be asked; the others come from the system.
fn chunk() -> *mut u8 {
    if FIRST.taken.swap(true, Ordering::Relaxed) {
        // SAFETY: the layout is of some size.
        return unsafe { System.alloc(CHUNK_LAYOUT) };
    }
    FIRST.bytes.get().cast()
}

#[repr(C, align(16))]
struct First {
    bytes: UnsafeCell<[u8; CHUNK]>,
    taken: AtomicBool,
}

// SAFETY: `taken` sees to it that its bytes are given out once; from then on they are blocks like others.
unsafe impl Sync for First {}

static FIRST: First = First {
    bytes: UnsafeCell::new([0; CHUNK]),
    taken: AtomicBool::new(false),
};

const CHUNK_LAYOUT: Layout = match Layout::from_size_align(CHUNK, STEP) {
    Ok(layout) => layout,
    Err(_) => panic!("no layout"),
};

// SAFETY: a block is given to one caller at a time, has the size and the alignment of its layout or more, and stays where it
// is until it is freed; the layout tells each time whether it is a block of ours or of the system's.
// None of it is inlined: a program allocates at ten thousand places.
unsafe impl GlobalAlloc for Heap {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match size_of(layout) {
            Some((number, bytes)) => with(|blocks| blocks.take(number, bytes)),
            // SAFETY: as the caller promises.
            None => unsafe { System.alloc(layout) },
        }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match size_of(layout) {
            Some((number, bytes)) => with(|blocks| blocks.give(number, block, bytes)),
            // SAFETY: as the caller promises; the system gave it.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller promises a size that has a layout.
        let new = unsafe { Layout::from_size_align_unchecked(bytes, layout.align()) };
        match (size_of(layout), size_of(new)) {
            (Some(old), Some(new)) if old == new => return block,
            (Some((_, old)), Some((_, new))) if with(|blocks| blocks.resize(block, old, new)) => {
                return block;
            }
            // SAFETY: as the caller promises; the system gave it.
            (None, None) => return unsafe { System.realloc(block, layout, bytes) },
            _ => {}
        }
        // SAFETY: `new` is of some size.
        let moved = unsafe { self.alloc(new) };
        if !moved.is_null() {
            // SAFETY: both blocks are as large as what is copied, and two of them; the old one is ours to free.
            unsafe {
                ptr::copy_nonoverlapping(block, moved, layout.size().min(bytes));
                self.dealloc(block, layout);
            }
        }
        moved
    }
}

#[cfg(test)]
mod tests;
