//! The system's allocator, which counts what it does while it is told to: counting is what threads would meet at.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU64, Ordering};

pub struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static MADE: AtomicU64 = AtomicU64::new(0);
static HELD: AtomicIsize = AtomicIsize::new(0);

/// Counts from now on, or does not.
pub fn count(counts: bool) {
    COUNTS.store(counts, Ordering::Relaxed);
}

/// How many allocations and reallocations this program has made while it counted.
pub fn made() -> u64 {
    MADE.load(Ordering::Relaxed)
}

/// How many more bytes this program has allocated than freed while it counted.
pub fn held() -> isize {
    HELD.load(Ordering::Relaxed)
}

fn note(made: u64, held: isize) {
    if COUNTS.load(Ordering::Relaxed) {
        MADE.fetch_add(made, Ordering::Relaxed);
        HELD.fetch_add(held, Ordering::Relaxed);
    }
}

fn bytes(size: usize) -> isize {
    isize::try_from(size).unwrap_or(isize::MAX)
}

// SAFETY: every call is passed on as it comes to the system's allocator, which keeps the contract
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, bytes(layout.size()));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(0, -bytes(layout.size()));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(1, bytes(layout.size()));
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(1, bytes(new_size) - bytes(layout.size()));
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}
