//! The inbox under every interleaving of its users, by model checking. Run with
//! `RUSTFLAGS="--cfg voxline_loom" cargo test -p voxline-core --test loom --release`.
//!
//! What is checked: frames of one producer arrive in order, each once; no wake-up is lost, whether for a
//! receiver, for a producer that waits, or for one whose neighbour gave up waiting; closing wakes everybody.

#![cfg(voxline_loom)]

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use loom::{
    sync::{Arc as LoomArc, Notify},
    thread,
};
use voxline_core::{
    frame::Frame,
    link::{Batch, Bounds, Inbox, Refused},
};

/// A thread that can be woken.
struct Parked(Notify);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Polls until ready, waiting for a wake-up in between. A lost wake-up is a deadlock, which the model reports.
fn block_on<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let parked = Arc::new(Parked(Notify::new()));
    let waker = Waker::from(parked.clone());
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = poll(&mut cx) {
            return value;
        }
        parked.0.wait();
    }
}

fn inbox(frames: usize) -> LoomArc<Inbox> {
    let inbox = Inbox::new("stage".into(), Bounds { frames, live_audio: Duration::ZERO });
    inbox.open();
    LoomArc::new(inbox)
}

/// Pushes downstream, waiting for room; false when the inbox is closed.
fn push(inbox: &Inbox, text: &str) -> bool {
    let mut frame = match inbox.try_push_down(Frame::text(text)) {
        Ok(()) => return true,
        Err(Refused::Closed(_)) => return false,
        Err(Refused::Full(frame)) => Some(frame),
    };
    block_on(|cx| match inbox.push_down(frame.take().unwrap(), cx) {
        Ok(()) => Poll::Ready(true),
        Err(Refused::Closed(_)) => Poll::Ready(false),
        Err(Refused::Full(refused)) => {
            frame = Some(refused);
            Poll::Pending
        }
    })
}

fn texts(frames: &VecDeque<Frame>) -> Vec<String> {
    let text = |frame: &Frame| match &frame.payload {
        voxline_core::frame::Payload::Text(chunk) => chunk.text.to_string(),
        _ => unreachable!("only texts are pushed"),
    };
    frames.iter().map(text).collect()
}

/// Takes until `count` downstream frames have come.
fn take(inbox: &Inbox, count: usize) -> Vec<String> {
    let mut came = Vec::new();
    while came.len() < count {
        let mut batch = Batch::default();
        block_on(|cx| inbox.poll_take(&mut batch, true, cx));
        came.extend(texts(&batch.down));
    }
    came
}

/// Checks every interleaving with at most so many preemptions: enough for all known kinds of race, and few
/// enough to be through in seconds.
fn model(preemptions: usize, check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(check);
}

#[test]
fn two_producers_with_room_for_one_frame_give_all_in_order() {
    model(2, || {
        let inbox = inbox(1);
        let producers = [vec!["a1", "a2"], vec!["b1"]].map(|all| {
            let inbox = inbox.clone();
            thread::spawn(move || all.into_iter().for_each(|text| assert!(push(&inbox, text))))
        });
        let came = take(&inbox, 3);
        let of_a: Vec<_> = came.iter().map(String::as_str).filter(|text| text.starts_with('a')).collect();
        assert_eq!((of_a, came.contains(&"b1".to_owned())), (vec!["a1", "a2"], true));
        for producer in producers {
            producer.join().unwrap();
        }
    });
}

#[test]
fn a_producer_that_gives_up_waiting_takes_nobodys_wake_up() {
    model(3, || {
        let inbox = inbox(1);
        assert!(push(&inbox, "first"));
        let gives_up = {
            let inbox = inbox.clone();
            thread::spawn(move || {
                let parked = Arc::new(Parked(Notify::new()));
                let waker = Waker::from(parked);
                // Waits, and is dropped before it is woken; or there is room already.
                inbox.push_down(Frame::text("never"), &mut Context::from_waker(&waker)).is_ok()
            })
        };
        let waits = {
            let inbox = inbox.clone();
            thread::spawn(move || push(&inbox, "second"))
        };
        let came = take(&inbox, 2);
        let gave = gives_up.join().unwrap();
        let all = if gave && came.len() == 2 && !came.contains(&"second".to_owned()) {
            [came, take(&inbox, 1)].concat()
        } else {
            came
        };
        assert!(waits.join().unwrap());
        assert!(all.contains(&"second".to_owned()));
    });
}

#[test]
fn closing_wakes_a_producer_that_waits() {
    model(3, || {
        let inbox = inbox(1);
        assert!(push(&inbox, "first"));
        let waits = {
            let inbox = inbox.clone();
            thread::spawn(move || push(&inbox, "second"))
        };
        inbox.close();
        assert!(!waits.join().unwrap());
    });
}

#[test]
fn closing_wakes_the_receiver_whatever_comes_at_the_same_time() {
    model(3, || {
        let inbox = inbox(1);
        let closes = {
            let inbox = inbox.clone();
            thread::spawn(move || inbox.close())
        };
        let pushes = {
            let inbox = inbox.clone();
            thread::spawn(move || drop(inbox.push_up(Frame::text("up"))))
        };
        loop {
            let mut batch = Batch::default();
            if block_on(|cx| inbox.poll_take(&mut batch, true, cx)).is_none() {
                break;
            }
        }
        closes.join().unwrap();
        pushes.join().unwrap();
    });
}

#[test]
fn a_receiver_that_holds_its_input_still_hears_signals_and_what_comes_up() {
    model(3, || {
        let inbox = inbox(1);
        let signals = {
            let inbox = inbox.clone();
            thread::spawn(move || inbox.push_signal(Frame::text("signal")).unwrap())
        };
        let ups = {
            let inbox = inbox.clone();
            thread::spawn(move || {
                assert!(push(&inbox, "down"));
                inbox.push_up(Frame::text("up")).unwrap();
            })
        };
        let mut batch = Batch::default();
        // As a stage does that works: it takes what there is until there is nothing, and only then waits.
        block_on(|cx| {
            while inbox.poll_take(&mut batch, false, cx).is_ready() {}
            if batch.signals.is_empty() || batch.up.is_empty() { Poll::Pending } else { Poll::Ready(()) }
        });
        assert!(batch.down.is_empty());
        signals.join().unwrap();
        ups.join().unwrap();
        assert_eq!(take(&inbox, 1), ["down"]);
    });
}

/// A stage that pauses and goes on, while it is interrupted and while a frame is on its way that must pass: R-34.
/// Whoever pushes waits for room; whatever the order, all is heard, and what waits is taken once the pause is over.
#[test]
fn r_34_a_pause_an_interruption_and_a_control_frame_in_any_order_leave_nobody_waiting() {
    model(2, || {
        let inbox = inbox(1);
        let pauses = {
            let inbox = inbox.clone();
            thread::spawn(move || {
                inbox.push_signal(Frame::text("pause")).unwrap();
                inbox.push_signal(Frame::text("resume")).unwrap();
            })
        };
        let pushes = {
            let inbox = inbox.clone();
            thread::spawn(move || {
                assert!(push(&inbox, "audio"));
                inbox.push_signal(Frame::text("interrupt")).unwrap();
                assert!(push(&inbox, "control"));
            })
        };
        let (mut signals, mut down, mut paused) = (Vec::new(), Vec::new(), false);
        while signals.len() < 3 || down.len() < 2 {
            let mut batch = Batch::default();
            let wants = !paused;
            block_on(|cx| inbox.poll_take(&mut batch, wants, cx));
            for signal in texts(&batch.signals) {
                paused = if signal == "pause" { true } else { paused && signal == "interrupt" };
                signals.push(signal);
            }
            assert!(wants || batch.down.is_empty(), "paused, and yet it takes");
            down.extend(texts(&batch.down));
        }
        assert_eq!(down, ["audio", "control"]);
        for thread in [pauses, pushes] {
            thread.join().unwrap();
        }
    });
}

#[test]
fn the_look_for_signals_sees_one_that_was_pushed_and_none_that_was_taken() {
    model(3, || {
        let inbox = inbox(1);
        let signals = {
            let inbox = inbox.clone();
            thread::spawn(move || inbox.push_signal(Frame::text("signal")).unwrap())
        };
        let mut batch = Batch::default();
        block_on(|cx| inbox.poll_take(&mut batch, false, cx));
        signals.join().unwrap();
        assert_eq!((batch.signals.len(), inbox.is_signalled()), (1, false));
        inbox.push_signal(Frame::text("another")).unwrap();
        assert!(inbox.is_signalled());
    });
}

#[test]
fn what_was_pushed_before_the_inbox_opened_is_delivered_when_it_opens() {
    model(3, || {
        let bounds = Bounds { frames: 1, live_audio: Duration::ZERO };
        let inbox = LoomArc::new(Inbox::new("stage".into(), bounds));
        let pushes = {
            let inbox = inbox.clone();
            thread::spawn(move || push(&inbox, "early"))
        };
        let opens = {
            let inbox = inbox.clone();
            thread::spawn(move || inbox.open())
        };
        assert!(block_on(|cx| inbox.poll_open(cx)));
        assert_eq!(take(&inbox, 1), ["early"]);
        assert!(pushes.join().unwrap());
        opens.join().unwrap();
    });
}
