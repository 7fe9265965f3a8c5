//! The locks of the core: std's, or loom's when the links are model-checked (`--cfg voxline_loom`).

#[cfg(not(voxline_loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};

#[cfg(voxline_loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};

/// Locks `mutex`. A panic elsewhere does not poison what it protects: every update under these locks
/// leaves the value consistent at each step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
