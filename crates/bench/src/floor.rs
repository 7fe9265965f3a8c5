//! The floors: the same frames moved without Voxline, by calls, by a queue with two lanes, by tokio's queue.
//!
//! None of them knows direction, generation, errors, panics, observers or an end: they are what a hop costs
//! when it does nothing but move.

use std::{
    collections::VecDeque,
    future::poll_fn,
    hint::black_box,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use tokio::sync::mpsc;
use voxline_core::frame::Frame;

use crate::stages;

/// Frames that may wait on a queue.
const BOUND: usize = 64;

/// What a frame is handed to.
trait Step {
    fn step(&mut self, frame: Frame) -> Frame;
}

struct Same;

impl Step for Same {
    fn step(&mut self, frame: Frame) -> Frame {
        frame
    }
}

/// Hands `frames` frames from one to the next of ten that are known only by their trait.
pub(crate) fn direct_ten(frames: usize) {
    let mut steps: Vec<Box<dyn Step>> = (0..10).map(|_| Box::new(Same) as Box<dyn Step>).collect();
    let pcm = stages::audio();
    for _ in 0..frames {
        let frame = Frame::input_audio(pcm.clone());
        drop(steps.iter_mut().fold(frame, |frame, step| black_box(step).step(frame)));
    }
}

/// Sends `frames` frames through ten tasks joined by one tokio queue each, full.
pub(crate) async fn mpsc_ten(frames: usize) {
    let (head, mut input) = mpsc::channel::<Frame>(BOUND);
    for _ in 0..10 {
        let (sender, next) = mpsc::channel(BOUND);
        let mut receiver = std::mem::replace(&mut input, next);
        tokio::spawn(async move {
            while let Some(frame) = receiver.recv().await {
                if sender.send(frame).await.is_err() {
                    return;
                }
            }
        });
    }
    let pcm = stages::audio();
    tokio::spawn(async move {
        for _ in 0..frames {
            if head.send(Frame::input_audio(pcm.clone())).await.is_err() {
                return;
            }
        }
    });
    for _ in 0..frames {
        input.recv().await;
    }
}

/// Sends `frames` frames through ten tasks joined by one bare queue with two lanes each, full.
pub(crate) async fn lanes_ten(frames: usize) {
    let head = Arc::new(Lanes::default());
    let mut input = head.clone();
    for _ in 0..10 {
        let next = Arc::new(Lanes::default());
        let (from, to) = (std::mem::replace(&mut input, next.clone()), next);
        tokio::spawn(async move {
            let mut batch = VecDeque::new();
            for _ in 0..frames {
                to.send(from.next(&mut batch).await).await;
            }
        });
    }
    let pcm = stages::audio();
    tokio::spawn(async move {
        for _ in 0..frames {
            head.send(Frame::input_audio(pcm.clone())).await;
        }
    });
    let mut batch = VecDeque::new();
    for _ in 0..frames {
        drop(input.next(&mut batch).await);
    }
}

/// An urgent and an ordinary lane behind one lock; one sender, one receiver.
#[derive(Default)]
struct Lanes(Mutex<State>);

#[derive(Default)]
struct State {
    urgent: VecDeque<Frame>,
    ordinary: VecDeque<Frame>,
    receiver: Option<Waker>,
    sender: Option<Waker>,
}

impl Lanes {
    async fn send(&self, frame: Frame) {
        let mut frame = Some(frame);
        poll_fn(|cx| self.poll_send(&mut frame, cx)).await;
    }

    fn poll_send(&self, frame: &mut Option<Frame>, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.ordinary.len() >= BOUND {
            state.sender = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.ordinary.extend(frame.take());
        let receiver = state.receiver.take();
        drop(state);
        receiver.into_iter().for_each(Waker::wake);
        Poll::Ready(())
    }

    /// The next frame: of `batch`, or of what has come meanwhile, which is taken whole.
    async fn next(&self, batch: &mut VecDeque<Frame>) -> Frame {
        poll_fn(|cx| match batch.pop_front() {
            Some(frame) => Poll::Ready(frame),
            None => self.poll_take(batch, cx),
        })
        .await
    }

    fn poll_take(&self, batch: &mut VecDeque<Frame>, cx: &Context<'_>) -> Poll<Frame> {
        let mut state = self.state();
        batch.append(&mut state.urgent);
        if batch.is_empty() {
            std::mem::swap(batch, &mut state.ordinary);
        }
        let Some(frame) = batch.pop_front() else {
            state.receiver = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let sender = state.sender.take();
        drop(state);
        sender.into_iter().for_each(Waker::wake);
        Poll::Ready(frame)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
