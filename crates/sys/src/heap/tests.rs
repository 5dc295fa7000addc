use std::collections::BTreeSet;

use super::*;

fn layout(bytes: usize, align: usize) -> Layout {
    Layout::from_size_align(bytes, align).unwrap()
}

/// A block, filled.
fn filled(heap: &Heap, bytes: usize, align: usize, value: u8) -> *mut u8 {
    // SAFETY: `bytes` is not zero.
    let block = unsafe { heap.alloc(layout(bytes, align)) };
    assert!(!block.is_null() && block.addr().is_multiple_of(align));
    // SAFETY: the block has that many bytes.
    unsafe { block.write_bytes(value, bytes) };
    block
}

fn holds(block: *const u8, bytes: usize, value: u8) -> bool {
    // SAFETY: the caller has filled that many bytes.
    (0..bytes).all(|at| unsafe { block.add(at).read() } == value)
}

#[test]
fn every_size_has_a_number_of_its_own_and_room_for_all_that_share_it() {
    let mut seen = BTreeSet::new();
    for bytes in 1..=LARGEST {
        let (number, room) = size_of(layout(bytes, 1)).unwrap();
        assert!(number < SIZES && room >= bytes && room.is_multiple_of(STEP));
        seen.insert((number, room));
    }
    assert_eq!(seen.len(), SIZES);
    assert!(seen.iter().map(|(number, _)| *number).eq(0..SIZES));
    assert_eq!(size_of(layout(LARGEST + 1, 1)), None);
    assert_eq!(size_of(layout(8, 2 * STEP)), None);
}

#[test]
fn blocks_do_not_overlap_whatever_their_size_and_alignment() {
    let heap = Heap;
    let sizes = [
        1,
        15,
        16,
        17,
        1000,
        1024,
        1025,
        4096,
        60_000,
        LARGEST,
        LARGEST + 1,
        1 << 20,
    ];
    let mut blocks = Vec::new();
    for (round, value) in (0..40).zip(0_u8..) {
        let bytes = sizes[round % sizes.len()];
        let align = 1 << (round % 8);
        blocks.push((filled(&heap, bytes, align, value), bytes, align, value));
    }
    for (block, bytes, align, value) in blocks {
        assert!(holds(block, bytes, value));
        // SAFETY: it came from this heap with this layout.
        unsafe { heap.dealloc(block, layout(bytes, align)) };
    }
}

#[test]
fn a_freed_block_is_the_next_one_of_its_size() {
    let heap = Heap;
    let [first, second, last] = [1, 2, 3].map(|value| filled(&heap, 40, 8, value));
    // SAFETY: they came from this heap with this layout.
    unsafe {
        heap.dealloc(first, layout(40, 8));
        heap.dealloc(second, layout(40, 8));
    }
    assert_eq!(filled(&heap, 33, 8, 4), second);
    assert_eq!(filled(&heap, 48, 8, 5), first);
    assert_ne!(filled(&heap, 49, 8, 6), first);
    assert!(holds(last, 40, 3));
}

#[test]
fn the_last_block_of_a_chunk_grows_where_it_is_and_its_room_is_anybodys_when_it_is_freed() {
    let heap = Heap;
    let block = filled(&heap, 20, 8, 1);
    // SAFETY: it came from this heap with this layout.
    let grown = unsafe { heap.realloc(block, layout(20, 8), 3000) };
    assert_eq!(grown, block);
    assert!(holds(grown, 20, 1));
    let after = filled(&heap, 100, 8, 2);
    assert!(after.addr() >= grown.addr() + 3000);
    // SAFETY: they came from this heap with these layouts.
    unsafe {
        heap.dealloc(after, layout(100, 8));
        heap.dealloc(grown, layout(3000, 8));
    }
    assert_eq!(filled(&heap, 500, 8, 3), block);
}

#[test]
fn the_last_block_grows_no_further_than_its_chunk_and_gives_back_what_it_does_not_need() {
    let mut blocks = Blocks {
        next: ptr::null_mut(),
        left: 0,
        free: [ptr::null_mut(); SIZES],
    };
    let (number, bytes) = size_of(layout(32, 8)).unwrap();
    let last = blocks.take(number, bytes);
    let (next, left) = (blocks.next, blocks.left);
    assert!(!blocks.resize(last, bytes, bytes + left + STEP));
    assert!(blocks.resize(last, bytes, bytes + left));
    assert_eq!((blocks.next, blocks.left), (next.wrapping_add(left), 0));
    assert!(blocks.resize(last, bytes + left, bytes));
    assert_eq!((blocks.next, blocks.left), (next, left));
    let other = blocks.take(number, bytes);
    assert!(other == next && !blocks.resize(last, bytes, 2 * bytes));
}

#[test]
fn a_block_that_grows_or_shrinks_keeps_what_it_holds() {
    let heap = Heap;
    let mut block = filled(&heap, 10, 8, 7);
    let mut bytes = 10;
    for next in [16, 17, 900, 5000, LARGEST, LARGEST + 1, 1 << 20, 100, 10] {
        // SAFETY: it came from this heap with this layout.
        block = unsafe { heap.realloc(block, layout(bytes, 8), next) };
        assert!(
            holds(block, bytes.min(next).min(10), 7),
            "{bytes} to {next}"
        );
        bytes = next;
    }
}

#[test]
fn threads_get_blocks_of_their_own() {
    let heap = Heap;
    std::thread::scope(|scope| {
        for value in 0..4 {
            let heap = &heap;
            scope.spawn(move || {
                for round in 0..2000 {
                    let bytes = 1 + (round * 37) % 3000;
                    let block = filled(heap, bytes, 16, value);
                    assert!(holds(block, bytes, value));
                    // SAFETY: it came from this heap with this layout.
                    unsafe { heap.dealloc(block, layout(bytes, 16)) };
                }
            });
        }
    });
}
