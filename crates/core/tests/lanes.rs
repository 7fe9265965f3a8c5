//! Links: what waits, what is dropped, what is refused, and what overtakes. R-56: every queue has a bound.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking")]

mod support;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context as TaskContext, Poll, Wake, Waker},
    time::Duration,
};

use async_trait::async_trait;
use proptest::prelude::*;
use support::{AsyncPass, Pass, Slow, side_by_side, told};
use voxline_audio::{Encoding, SampleRate};
use voxline_core::{
    AsyncContext, AsyncProcessor, Context, Error, Processor, SessionConfig, Timer,
    frame::{BotSpeech, ContextId, EncodedAudio, Frame, FrameKind, Metric, Payload},
    link::{Batch, Bounds, Inbox, METRICS_BOUND, Refused, SIGNAL_BOUND, UP_BOUND},
    processor::Result,
};
use voxline_testkit::{Harness, Log, samples};

/// Counts how often it is woken.
#[derive(Debug, Default)]
struct Counter(AtomicU32);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counter {
    fn woken(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

fn inbox(frames: usize) -> Inbox {
    let inbox = Inbox::new("stage".into(), Bounds { frames, live_audio: Duration::from_millis(100) });
    inbox.open();
    inbox
}

fn push(inbox: &Inbox, frame: Frame) -> std::result::Result<(), Refused> {
    inbox.push_down(frame, &mut TaskContext::from_waker(Waker::noop()))
}

fn take(inbox: &Inbox) -> Batch {
    let mut batch = Batch::default();
    // An empty inbox gives nothing, which the batch shows.
    let _ = inbox.poll_take(&mut batch, true, &mut TaskContext::from_waker(Waker::noop()));
    batch
}

fn lines(frames: &VecDeque<Frame>) -> Vec<String> {
    frames.iter().map(voxline_testkit::render).collect()
}

#[test]
fn a_full_lane_refuses_data_and_wakes_each_producer_when_there_is_room() {
    let inbox = inbox(2);
    push(&inbox, Frame::text("1")).unwrap();
    push(&inbox, Frame::text("2")).unwrap();
    let producers: [Arc<Counter>; 3] = Default::default();
    for producer in &producers {
        let waker = Waker::from(producer.clone());
        let refused = inbox.push_down(Frame::text("3"), &mut TaskContext::from_waker(&waker));
        assert!(matches!(refused, Err(Refused::Full(frame)) if frame.kind() == FrameKind::Text));
    }
    assert_eq!(lines(&take(&inbox).down), ["↓ Text \"1\" g0", "↓ Text \"2\" g0"]);
    assert_eq!(producers.each_ref().map(|producer| producer.woken()), [1, 1, 1]);
}

#[test]
fn closing_wakes_producers_and_the_receiver_and_drops_what_is_on_the_link() {
    let inbox = inbox(1);
    let (producer, receiver) = (Arc::new(Counter::default()), Arc::new(Counter::default()));
    let waker = Waker::from(receiver.clone());
    let mut batch = Batch::default();
    let polled = inbox.poll_take(&mut batch, true, &mut TaskContext::from_waker(&waker));
    assert_eq!(polled, Poll::Pending);
    push(&inbox, Frame::text("1")).unwrap();
    let waker = Waker::from(producer.clone());
    let refused = inbox.push_down(Frame::text("2"), &mut TaskContext::from_waker(&waker));
    assert!(matches!(refused, Err(Refused::Full(_))));
    inbox.close();
    assert_eq!((producer.woken(), receiver.woken()), (1, 1));
    assert!(matches!(push(&inbox, Frame::text("3")), Err(Refused::Closed(_))));
    assert_eq!(inbox.poll_take(&mut batch, true, &mut TaskContext::from_waker(&waker)), Poll::Ready(None));
    assert!(batch.down.is_empty());
}

#[test]
fn live_audio_never_waits_and_beyond_its_bound_the_oldest_is_dropped_and_counted() {
    let inbox = inbox(1);
    push(&inbox, Frame::text("data")).unwrap();
    for number in 0..20 {
        let audio = samples::input(20).live().with_pts(Duration::from_millis(20 * number));
        push(&inbox, audio).unwrap();
    }
    let batch = take(&inbox);
    assert_eq!(batch.dropped, 15);
    let newest = (15..20).map(|number| format!("↓ InputAudio 20ms g0 live @{}ms", 20 * number));
    assert_eq!(
        lines(&batch.down),
        std::iter::once("↓ Text \"data\" g0".into()).chain(newest).collect::<Vec<_>>()
    );
}

#[test]
fn audio_that_is_not_live_waits_like_other_data() {
    let inbox = inbox(1);
    push(&inbox, samples::input(20)).unwrap();
    assert!(matches!(push(&inbox, samples::input(20)), Err(Refused::Full(_))));
}

#[test]
fn live_audio_that_is_encoded_never_waits_either() {
    let inbox = inbox(1);
    for _ in 0..20 {
        let encoded =
            EncodedAudio { bytes: vec![0; 160].into(), encoding: Encoding::MuLaw, rate: SampleRate::HZ_8000 };
        push(&inbox, Frame::new(Payload::InputEncoded(Box::new(encoded))).live()).unwrap();
    }
    let batch = take(&inbox);
    assert_eq!((batch.down.len(), batch.dropped), (5, 15));
}

#[test]
fn live_audio_without_a_sample_is_bounded_too() {
    let inbox = inbox(1);
    for _ in 0..100_000 {
        push(&inbox, samples::input(0).live()).unwrap();
    }
    assert!(inbox.depth() <= 100, "{} frames wait", inbox.depth());
}

#[test]
fn the_newest_live_audio_is_kept_even_when_it_alone_is_beyond_the_bound() {
    let inbox = inbox(1);
    push(&inbox, samples::input(20).live()).unwrap();
    push(&inbox, samples::input(500).live()).unwrap();
    assert_eq!(lines(&take(&inbox).down), ["↓ InputAudio 500ms g0 live"]);
}

#[test]
fn measurements_never_wait_and_beyond_their_bound_the_oldest_is_dropped_and_counted() {
    let inbox = inbox(1);
    push(&inbox, Frame::text("data")).unwrap();
    for _ in 0..METRICS_BOUND + 10 {
        push(&inbox, samples::frame(FrameKind::Metrics, "")).unwrap();
    }
    let batch = take(&inbox);
    assert_eq!((batch.down.len(), batch.dropped), (1 + METRICS_BOUND, 10));
    assert_eq!(batch.down[0].kind(), FrameKind::Text);
}

#[test]
fn room_is_counted_anew_after_the_lane_was_taken() {
    let inbox = inbox(2);
    for _ in 0..5 {
        push(&inbox, Frame::text("a")).unwrap();
        push(&inbox, samples::input(100).live()).unwrap();
        push(&inbox, Frame::text("b")).unwrap();
        assert!(matches!(push(&inbox, Frame::text("c")), Err(Refused::Full(_))));
        let batch = take(&inbox);
        assert_eq!((batch.down.len(), batch.dropped), (3, 0));
    }
}

#[test]
fn signals_and_upstream_frames_never_wait_and_their_overflow_names_the_stage() {
    let inbox = inbox(1);
    let signal = || Frame::custom(samples::Marker { signal: true, ..samples::Marker::new("s") });
    for _ in 0..SIGNAL_BOUND {
        inbox.push_signal(signal()).unwrap();
    }
    let error = inbox.push_signal(signal()).unwrap_err();
    assert_eq!(told(&error), "the signal lane of stage is full (1024 frames)");
    assert!(error.is_fatal());
    for _ in 0..UP_BOUND {
        inbox.push_up(Frame::text("up")).unwrap();
    }
    let error = inbox.push_up(Frame::text("up")).unwrap_err();
    assert!(matches!(error, Error::Overflow { lane: "upstream", bound: UP_BOUND, .. }));
}

#[test]
fn nothing_is_delivered_before_the_inbox_is_opened() {
    let inbox = Inbox::new("stage".into(), Bounds { frames: 8, live_audio: Duration::ZERO });
    push(&inbox, Frame::text("early")).unwrap();
    inbox.push_up(Frame::text("up")).unwrap();
    let receiver = Arc::new(Counter::default());
    let waker = Waker::from(receiver.clone());
    let mut batch = Batch::default();
    assert_eq!(inbox.poll_take(&mut batch, true, &mut TaskContext::from_waker(&waker)), Poll::Pending);
    inbox.open();
    assert_eq!(receiver.woken(), 1);
    assert_eq!(
        inbox.poll_take(&mut batch, true, &mut TaskContext::from_waker(&waker)),
        Poll::Ready(Some(()))
    );
    assert_eq!((batch.up.len(), batch.down.len()), (1, 1));
}

/// Blocks on its first `Text` for a minute, whatever comes.
#[derive(Debug)]
struct Blocked;

#[async_trait]
impl AsyncProcessor for Blocked {
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        if frame.kind() == FrameKind::Text {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        ctx.push(frame).await;
        Ok(())
    }

    fn is_uninterruptible(&self, _: &Frame) -> bool {
        true
    }
}

fn dropped(log: &Log) -> Vec<String> {
    let metrics = log.frames().filter_map(|frame| match &frame.payload {
        Payload::Metrics(metric) => match &**metric {
            Metric::Dropped { stage, frames } => Some(format!("{stage} dropped {frames}")),
            _ => None,
        },
        _ => None,
    });
    metrics.collect()
}

#[test]
fn what_a_link_drops_is_measured_by_the_stage_behind_it() {
    let config = || SessionConfig {
        live_audio_bound: Duration::from_millis(100),
        end_deadline: Duration::from_secs(90),
        ..SessionConfig::default()
    };
    let mut harness = Harness::with_config(Blocked, config());
    harness.queue(Frame::text("block"));
    for _ in 0..20 {
        harness.queue(samples::input(20).live());
    }
    let log = harness.finish();
    assert_eq!(dropped(&log), ["Blocked dropped 15"], "{log}");
    assert_eq!(log.count(FrameKind::InputAudio), 5);

    let mut harness = Harness::with_config(row![Pass, Blocked], SessionConfig { link_bound: 1, ..config() });
    harness.queue(Frame::text("block")).queue(Frame::speak("1")).queue_only(Frame::speak("2"));
    harness.settle();
    for _ in 0..20 {
        harness.queue_only(samples::input(20).live());
    }
    let log = harness.finish();
    assert_eq!(dropped(&log), ["Pass dropped 15"], "{log}");
}

#[tokio::test(start_paused = true)]
async fn a_producer_waits_for_a_stage_that_does_not_keep_up() {
    let config = SessionConfig { link_bound: 8, ..SessionConfig::default() };
    let session = row![Slow(Duration::from_secs(1))].start(config).await.unwrap();
    let began = tokio::time::Instant::now();
    for _ in 0..108 {
        session.queue(Frame::text("x")).await.unwrap();
    }
    // At most one is worked on, eight are in hand and eight wait.
    let elapsed = began.elapsed().as_secs();
    assert!((91..=100).contains(&elapsed), "108 frames were taken after {elapsed} s");
    session.cancel();
}

#[test]
fn a_signal_overtakes_all_data_that_waits() {
    let mut harness = Harness::new(row![Slow(Duration::from_secs(1)), AsyncPass, Pass]);
    for number in 0..3 {
        harness.queue(Frame::text(number.to_string()));
    }
    harness.queue(Frame::custom(samples::Marker { signal: true, ..samples::Marker::new("first") }));
    let log = harness.finish();
    let kinds: Vec<_> = log.down().iter().map(|frame| frame.kind()).collect();
    // It waits for the first text's work, and overtakes it on the next link.
    assert_eq!(kinds, [FrameKind::Custom, FrameKind::Text, FrameKind::Text, FrameKind::Text]);
    assert_eq!(log.time_of(FrameKind::Custom), Some(Duration::from_secs(1)));
}

#[test]
fn speech_edges_keep_their_place_in_the_audio_they_describe() {
    let mut frames = Vec::new();
    for second in 0..50 {
        frames.extend((0..5).map(|chunk| samples::input(20).with_pts(Duration::from_millis(chunk))));
        frames.push(samples::speech_started(second));
        frames.push(samples::input(20));
        frames.push(samples::speech_stopped(second));
    }
    let kinds: Vec<_> = frames.iter().map(Frame::kind).collect();
    let log = Harness::new(row![AsyncPass, Pass, AsyncPass]).run(frames);
    assert_eq!(log.down().iter().map(|frame| frame.kind()).collect::<Vec<_>>(), kinds);
}

/// Answers every downstream `Text` with a frame upstream.
#[derive(Debug)]
struct Acknowledges;

fn acknowledgement() -> Frame {
    Frame::new(Payload::BotStartedSpeaking(BotSpeech::new(ContextId(0))))
}

#[async_trait]
impl AsyncProcessor for Acknowledges {
    async fn process(&mut self, frame: Frame, ctx: &mut AsyncContext) -> Result {
        if frame.kind() == FrameKind::Text {
            ctx.push_up(acknowledgement());
        }
        ctx.push(frame).await;
        Ok(())
    }
}

/// The same, synchronously.
#[derive(Debug)]
struct AcknowledgesAtOnce;

impl Processor for AcknowledgesAtOnce {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if frame.kind() == FrameKind::Text {
            ctx.push_up(acknowledgement());
        }
        ctx.push(frame);
        Ok(())
    }
}

/// Counts what comes up.
#[derive(Debug)]
struct CountsUp(Arc<AtomicU32>);

impl Processor for CountsUp {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if frame.kind() == FrameKind::BotStartedSpeaking {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        ctx.push(frame);
        Ok(())
    }
}

async fn acknowledge_everything(frames: u32) {
    let count = Arc::new(AtomicU32::new(0));
    let (a, b) = (|| Acknowledges, || AcknowledgesAtOnce);
    let pipeline = row![CountsUp(count.clone()), a(), b(), a(), a(), b(), a(), a(), b(), a(), a()];
    let session = pipeline.start(SessionConfig::default()).await.unwrap();
    for _ in 0..frames {
        session.queue(Frame::text("x")).await.unwrap();
    }
    // All have left at the output when the last acknowledgement has come.
    let all = async {
        while count.load(Ordering::Relaxed) < 10 * frames {
            tokio::task::yield_now().await;
        }
    };
    let deadline = Duration::from_secs(120);
    tokio::time::timeout(deadline, all).await.expect("acknowledgements are missing");
    session.end().await.unwrap();
    session.finished().await.unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 10 * frames);
}

#[tokio::test]
async fn a_hundred_thousand_frames_acknowledged_by_ten_stages_never_block() {
    acknowledge_everything(100_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nor_do_they_with_stages_on_several_threads() {
    acknowledge_everything(30_000).await;
}

/// Says something every 20 ms, whether there is room or not.
#[derive(Debug)]
struct Ticks;

impl Processor for Ticks {
    fn start(&mut self, ctx: &mut Context<'_>) -> Result {
        self.timeout(Timer(0), ctx)
    }

    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        ctx.push(frame);
        Ok(())
    }

    fn timeout(&mut self, timer: Timer, ctx: &mut Context<'_>) -> Result {
        ctx.push_down(samples::frame(FrameKind::Speak, "tick"));
        let now = ctx.now();
        ctx.set_timer(timer, now + Duration::from_millis(20));
        Ok(())
    }
}

#[test]
fn r_56_a_stage_whose_timers_outrun_its_output_fails_by_name_instead_of_growing() {
    let mut harness = Harness::new(row![Ticks, Blocked]);
    for _ in 0..60 {
        if harness.log().to_string().contains("failed") {
            break;
        }
        harness.queue(Frame::text("block")).advance(Duration::from_secs(50));
    }
    let error = harness.finish_outcome().unwrap_err();
    assert_eq!(told(&error), "the output lane of Ticks is full (4096 frames)");
}

/// Says everything at once.
#[derive(Debug)]
struct Bursts;

impl Processor for Bursts {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if frame.kind() != FrameKind::Speak {
            ctx.push(frame);
            return Ok(());
        }
        (0..20_000).for_each(|number| ctx.push(Frame::text(number.to_string())));
        Ok(())
    }
}

#[test]
fn a_burst_of_any_size_goes_through_as_there_is_room() {
    let pipeline = row![Bursts, AsyncPass, side_by_side([row![AsyncPass], row![Pass]]), AsyncPass];
    let log = Harness::new(pipeline).run([Frame::speak("!")]);
    assert_eq!(log.texts(), (0..20_000).map(|number| number.to_string()).collect::<Vec<_>>());
}

/// Holds its input for a second after each `Text`.
#[derive(Debug)]
struct HoldsInput;

impl Processor for HoldsInput {
    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        if frame.kind() == FrameKind::Text {
            ctx.hold_input();
            let now = ctx.now();
            ctx.set_timer(Timer(0), now + Duration::from_secs(1));
        }
        ctx.push(frame);
        Ok(())
    }

    fn timeout(&mut self, _: Timer, ctx: &mut Context<'_>) -> Result {
        ctx.release_input();
        Ok(())
    }
}

#[test]
fn a_stage_that_holds_its_input_still_gets_signals_and_what_comes_up() {
    let mut harness = Harness::new(row![Pass, HoldsInput]);
    harness.queue(Frame::text("1")).queue(Frame::text("2"));
    harness.queue(samples::frame(FrameKind::BotStartedSpeaking, "")).interrupt().queue(Frame::text("3"));
    let log = harness.log();
    assert_eq!(log.lines(), ["↓ Text \"1\" g0", "↑ BotStartedSpeaking ctx-1 g0"], "{log}");
    let log = harness.finish();
    assert_eq!(log.texts(), ["1", "3"]);
}

#[derive(Clone, Debug)]
enum Op {
    Text,
    Live(u64),
    Metric,
    Up,
    Take,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::Text),
        4 => (0..60_u64).prop_map(Op::Live),
        2 => Just(Op::Metric),
        1 => Just(Op::Up),
        1 => Just(Op::Take),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_lane_keeps_the_order_of_what_it_accepts_and_loses_nothing_but_what_it_counts(
        ops in prop::collection::vec(op(), 1..300)
    ) {
        let inbox = inbox(16);
        let (mut accepted, mut came, mut ups, mut dropped) = (Vec::new(), Vec::new(), 0_usize, 0);
        let mut collect = |batch: Batch, came: &mut Vec<Frame>| {
            dropped = batch.dropped.max(dropped);
            came.extend(batch.down);
            (batch.up.len(), dropped)
        };
        let mut last = (0, 0);
        for op in ops {
            let frame = match op {
                Op::Text => Frame::text("x"),
                Op::Live(milliseconds) => samples::input(milliseconds).live(),
                Op::Metric => samples::frame(FrameKind::Metrics, ""),
                Op::Up => {
                    inbox.push_up(Frame::text("up")).unwrap();
                    ups += 1;
                    continue;
                }
                Op::Take => {
                    let (taken, dropped) = collect(take(&inbox), &mut came);
                    last = (last.0 + taken, dropped);
                    continue;
                }
            };
            let id = frame.id();
            let counted = frame.kind() == FrameKind::Text;
            match push(&inbox, frame) {
                Ok(()) => accepted.push(id),
                Err(_) => prop_assert!(counted, "only data waits"),
            }
        }
        inbox.push_up(Frame::text("last")).unwrap();
        let (taken, dropped) = collect(take(&inbox), &mut came);
        prop_assert_eq!(last.0 + taken, ups + 1);
        prop_assert_eq!(accepted.len() as u64, came.len() as u64 + dropped);
        let came: Vec<_> = came.iter().map(Frame::id).collect();
        let mut order = accepted.iter();
        prop_assert!(came.iter().all(|id| order.any(|accepted| accepted == id)), "out of order");
    }
}
