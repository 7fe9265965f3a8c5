//! The clock of playback, held to its requirements at any rate and by chance.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use voxline_audio::{Pcm, SampleRate};
use voxline_core::{
    frame::ContextId,
    playout::{PIECE, Play, Playout},
};

const LEAD: Duration = Duration::from_millis(150);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A sink that plays what it is given without a pause, and the time it ran dry while an answer was on.
#[derive(Default)]
struct Sink {
    samples: Vec<i16>,
    empty_at: Option<Instant>,
    gap: Duration,
    most_ahead: Duration,
    stopped_at: Option<Instant>,
    interrupted: bool,
}

impl Sink {
    fn take(&mut self, now: Instant, playout: &mut Playout) {
        while let Some(play) = playout.poll_output() {
            match play {
                Play::Started(_) => self.empty_at = Some(now),
                Play::Write(pcm) => {
                    let from = self.empty_at.expect("started comes first");
                    self.gap += now.saturating_duration_since(from);
                    let until = from.max(now) + pcm.duration();
                    self.most_ahead = self.most_ahead.max(until.saturating_duration_since(now));
                    self.empty_at = Some(until);
                    self.samples.extend_from_slice(pcm.samples());
                }
                Play::Speaking(_) => {}
                Play::Stopped(speech) => {
                    self.stopped_at = Some(now);
                    self.interrupted = speech.interrupted;
                }
            }
        }
    }
}

/// Chunks of these lengths, each sample numbered.
fn chunks(lengths: &[usize], rate: SampleRate) -> Vec<Pcm> {
    let mut number = 0_i16;
    let chunk = |&length: &usize| {
        let samples: Vec<i16> = (0..length)
            .map(|_| {
                number = number.wrapping_add(1);
                number
            })
            .collect();
        Pcm::mono(samples, rate)
    };
    lengths.iter().map(chunk).collect()
}

fn rate() -> impl Strategy<Value = SampleRate> {
    prop::sample::select(vec![SampleRate::HZ_24000, SampleRate::HZ_16000, SampleRate::HZ_8000])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn r_20_r_23_every_sample_is_played_once_and_the_stop_is_told_when_the_last_was_heard(
        lengths in prop::collection::vec(1_usize..9000, 1..30),
        rate in rate(),
        burst in 0_u64..400,
    ) {
        let start = Instant::now();
        let (mut playout, mut sink) = (Playout::new(Some(LEAD)), Sink::default());
        let mut now = start;
        let pieces = chunks(&lengths, rate);
        for pcm in &pieces {
            while let Some(at) = playout.poll_timeout().filter(|&at| at <= now) {
                playout.handle_timeout(at);
                sink.take(at, &mut playout);
            }
            playout.handle_audio(now, ContextId(1), pcm.clone());
            sink.take(now, &mut playout);
            now += ms(burst);
        }
        playout.handle_stopped(now, ContextId(1));
        let complete = now;
        sink.take(now, &mut playout);
        while let Some(at) = playout.poll_timeout() {
            now = now.max(at);
            playout.handle_timeout(now);
            sink.take(now, &mut playout);
        }
        let sent: Vec<i16> = pieces.iter().flat_map(|pcm| pcm.samples().to_vec()).collect();
        prop_assert_eq!(&sink.samples, &sent);
        // Until it is said to be complete, an answer may go on.
        let (heard, told) = (sink.empty_at.unwrap().max(complete), sink.stopped_at.unwrap());
        let off = told.saturating_duration_since(heard).max(heard.saturating_duration_since(told));
        prop_assert!(off <= ms(50), "told {:?} away from the end of playback", off);
        prop_assert!(sink.most_ahead <= LEAD + PIECE, "{:?} ahead", sink.most_ahead);
        prop_assert!(playout.is_idle());
    }

    #[test]
    fn r_24_a_stall_as_long_as_the_lead_makes_no_gap(at in 0_u64..1500, rate in rate(), lead in 100_u64..=200) {
        let (start, lead) = (Instant::now(), ms(lead));
        let (mut playout, mut sink) = (Playout::new(Some(lead)), Sink::default());
        let length = rate.samples_in(ms(20)) as usize;
        for pcm in chunks(&[length; 100], rate) {
            playout.handle_audio(start, ContextId(1), pcm);
        }
        playout.handle_stopped(start, ContextId(1));
        sink.take(start, &mut playout);
        let (mut now, mut stalled) = (start, false);
        while let Some(due) = playout.poll_timeout() {
            now = now.max(due);
            if !stalled && now >= start + ms(at) {
                stalled = true;
                now += lead;
            }
            playout.handle_timeout(now);
            sink.take(now, &mut playout);
        }
        prop_assert!(stalled);
        prop_assert_eq!(sink.gap, Duration::ZERO);
        prop_assert!(sink.most_ahead <= lead + PIECE, "{:?} ahead", sink.most_ahead);
    }

    #[test]
    fn r_30_an_answer_in_one_long_chunk_can_be_interrupted_and_held_as_soon_as_any(
        seconds in 1_usize..20,
        at in 0_u64..900,
        rate in rate(),
    ) {
        let start = Instant::now();
        for hold in [false, true] {
            let (mut playout, mut sink) = (Playout::new(Some(LEAD)), Sink::default());
            let length = rate.hz() as usize * seconds;
            playout.handle_audio(start, ContextId(1), Pcm::mono(vec![1; length], rate));
            sink.take(start, &mut playout);
            let cut = start + ms(at);
            while let Some(due) = playout.poll_timeout().filter(|&due| due <= cut) {
                playout.handle_timeout(due);
                sink.take(due, &mut playout);
            }
            sink.take(cut, &mut playout);
            let told = sink.samples.len();
            if hold { playout.hold(cut) } else { playout.interrupt(cut) }
            playout.handle_timeout(cut + ms(1));
            sink.take(cut + ms(1), &mut playout);
            prop_assert_eq!(sink.samples.len(), told);
            let silent = sink.empty_at.unwrap().saturating_duration_since(cut);
            prop_assert!(silent <= LEAD + PIECE, "it is silent only {:?} later", silent);
        }
    }

    #[test]
    fn r_24_an_interruption_drops_all_that_was_not_written(at in 0_u64..900) {
        let start = Instant::now();
        let (mut playout, mut sink) = (Playout::new(Some(LEAD)), Sink::default());
        for pcm in chunks(&[320; 50], SampleRate::HZ_16000) {
            playout.handle_audio(start, ContextId(1), pcm);
        }
        sink.take(start, &mut playout);
        let cut = start + ms(at);
        while let Some(due) = playout.poll_timeout().filter(|&due| due <= cut) {
            playout.handle_timeout(due);
            sink.take(due, &mut playout);
        }
        let written = sink.samples.len();
        playout.interrupt(cut);
        sink.take(cut, &mut playout);
        prop_assert!(sink.interrupted && sink.stopped_at == Some(cut));
        prop_assert_eq!((sink.samples.len(), playout.poll_timeout(), playout.waiting()), (written, None, Duration::ZERO));
    }
}
