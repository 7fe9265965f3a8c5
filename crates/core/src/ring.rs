//! A bounded queue that drops its oldest item when full, and counts.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

/// For readers that must not slow their writers.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    bound: usize,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    missed: u64,
    closed: bool,
    /// Who waits for an item; nearly always one.
    readers: Vec<Waker>,
}

impl<T> Ring<T> {
    pub(crate) fn new(bound: usize) -> Self {
        let state = State { items: VecDeque::new(), missed: 0, closed: false, readers: Vec::new() };
        Self { bound, state: Mutex::new(state) }
    }

    /// Adds an item; drops the oldest when full.
    pub(crate) fn push(&self, item: T) {
        let readers = {
            let mut state = self.lock();
            if state.closed {
                return;
            }
            if state.items.len() == self.bound {
                state.items.pop_front();
                state.missed += 1;
            }
            state.items.push_back(item);
            std::mem::take(&mut state.readers)
        };
        readers.into_iter().for_each(Waker::wake);
    }

    /// The next item; `None` once closed and empty.
    pub(crate) async fn next(&self) -> Option<T> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.lock();
        if let Some(item) = state.items.pop_front() {
            return Poll::Ready(Some(item));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        if !state.readers.iter().any(|reader| reader.will_wake(cx.waker())) {
            state.readers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Items dropped so far.
    pub(crate) fn missed(&self) -> u64 {
        self.lock().missed
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        let readers = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.readers)
        };
        readers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
