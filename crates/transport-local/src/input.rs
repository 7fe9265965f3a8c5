//! The microphone as the input of a pipeline.
//!
//! | frame | what happens |
//! |---|---|
//! | out: `InputAudio` | 20 ms mono at the session's input rate, live, timed by the session's clock |
//! | out: `End` | when the microphone is lost or gives nothing for [`SILENT`], after an error that says so |
//! | anything else | passed on |
//!
//! The ring is looked at every 10 ms. Frames are live: a pipeline that does not keep up drops the oldest.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use voxline_audio::{Chunker, Pcm, Resampler as _, SampleRate, StreamResampler};
use voxline_core::{
    Context, Error, Event, Processor,
    frame::{Frame, Payload},
    pipeline::JobOutput,
    processor::Result,
};

use crate::{
    LocalError, LocalStats,
    clock::CaptureClock,
    device::{Keeper, Open},
    ring::Reader,
};

const FRAME: Duration = Duration::from_millis(20);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// A microphone gives samples also where nobody speaks. One that gives none for so long is lost, though nobody says
/// so: when a sound server dies, ALSA tells of one glitch after the other.
const SILENT: Duration = Duration::from_secs(4);

/// Listens to the microphone.
#[derive(Debug)]
pub struct LocalInput {
    device: Option<(Open<Reader>, Keeper)>,
    stats: LocalStats,
}

/// What the listening job sends.
enum Heard {
    Audio(Pcm, Duration),
    Lost(LocalError),
}

impl LocalInput {
    pub(crate) fn new(device: Open<Reader>, keeper: Keeper, stats: LocalStats) -> Self {
        Self { device: Some((device, keeper)), stats }
    }
}

impl Processor for LocalInput {
    fn start(&mut self, ctx: &mut Context<'_>) -> Result {
        let Some((mut device, keeper)) = self.device.take() else { return Ok(()) };
        let rate = ctx.session().input_rate;
        let resampler = StreamResampler::new(device.rate, rate)
            .map_err(|source| Error::other(LocalError::Rate { device: device.name.clone(), source }))?;
        let chunker = Chunker::new(rate.samples_in(FRAME) as usize).ok_or_else(|| Error::Unusable {
            what: format!("an input rate of {rate} is too low for 20 ms frames"),
        })?;
        // What was captured before the session is nobody's.
        device.end.read(usize::MAX, |_| {});
        let listener = Listener {
            clock: CaptureClock::new(device.rate),
            lost: device.end.dropped(),
            began: Instant::from_std(ctx.session().began),
            stats: self.stats.clone(),
            captured: 0,
            given: 0,
            device,
            resampler,
            chunker,
            rate,
        };
        ctx.spawn_surviving(move |output| listener.listen(keeper, output));
        Ok(())
    }

    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        ctx.push(frame);
        Ok(())
    }

    fn event(&mut self, event: Event, ctx: &mut Context<'_>) -> Result {
        match event.downcast::<Heard>() {
            Ok(Heard::Audio(pcm, at)) => ctx.push(Frame::input_audio(pcm).with_pts(at).live()),
            Ok(Heard::Lost(error)) => {
                ctx.report(Error::other(error));
                ctx.push_down(Payload::End);
            }
            Err(_) => {}
        }
        Ok(())
    }
}

/// The listening job's state.
struct Listener {
    device: Open<Reader>,
    clock: CaptureClock,
    /// Samples the ring had no room for, as far as the clock knows.
    lost: u64,
    resampler: StreamResampler,
    chunker: Chunker,
    rate: SampleRate,
    /// Samples read, at the rate of the device.
    captured: u64,
    /// Samples given to the pipeline, at the session's rate.
    given: u64,
    began: Instant,
    stats: LocalStats,
}

impl Listener {
    async fn listen(mut self, _keeper: Keeper, output: JobOutput) -> Result {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut captured, mut since) = (self.captured, Instant::now());
        while !self.stats.is_lost(true) && since.elapsed() < SILENT {
            let now = looks.tick().await;
            let heard = self.look(now.duration_since(self.began));
            if self.captured != captured {
                (captured, since) = (self.captured, now);
            }
            for heard in heard {
                output.send(heard).await?;
            }
        }
        output.send(Heard::Lost(LocalError::Lost { device: self.device.name })).await
    }

    /// Whatever has been captured meanwhile, in whole frames.
    fn look(&mut self, now: Duration) -> Vec<Heard> {
        let mut captured = Vec::new();
        self.device.end.read(usize::MAX, |sample| captured.push(sample));
        let mut resampled = Vec::new();
        self.resampler.push(&captured, &mut resampled);
        let begins = self.clock.handle_samples(now, captured.len() as u64);
        // The number of a sample and its time: what was read before tells how many there are to count back.
        let read_before = self.device.rate.duration_of(self.captured);
        self.captured += captured.len() as u64;
        // Samples are dropped where the ring is full, so behind those just read.
        let lost = self.device.end.dropped();
        self.clock.handle_lost(lost - std::mem::replace(&mut self.lost, lost));
        let (rate, given) = (self.rate, &mut self.given);
        let chunks = self.chunker.push(&resampled).map(|chunk| {
            let at = (begins + rate.duration_of(*given)).saturating_sub(read_before);
            *given += chunk.len() as u64;
            Heard::Audio(Pcm::mono(chunk, rate), at)
        });
        chunks.collect()
    }
}

#[cfg(test)]
mod tests {
    use voxline_core::frame::FrameKind;
    use voxline_testkit::{Harness, conformance};

    use super::*;
    use crate::device::fake;

    fn input() -> LocalInput {
        let (device, keeper, _) = fake::microphone(SampleRate::HZ_48000);
        LocalInput::new(device, keeper, LocalStats::default())
    }

    conformance!(local_input, input);

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn captured_samples_leave_resampled_in_frames_timed_by_the_session() {
        let (device, keeper, mut writer) = fake::microphone(SampleRate::HZ_48000);
        // From before the session.
        writer.write(vec![9; 999].into_iter());
        let mut harness = Harness::new(LocalInput::new(device, keeper, LocalStats::default()));
        for _ in 0..100 {
            harness.advance(ms(10));
            writer.write(vec![1_000; 480].into_iter());
        }
        harness.advance(ms(15));
        let log = harness.news();
        let frames: Vec<_> = log.frames().filter(|frame| frame.kind() == FrameKind::InputAudio).collect();
        assert!((48..=50).contains(&frames.len()), "{}", frames.len());
        for (index, frame) in frames.iter().enumerate() {
            let Payload::InputAudio(pcm) = &frame.payload else { unreachable!("filtered") };
            assert_eq!((pcm.rate(), pcm.frames()), (SampleRate::HZ_16000, 320));
            let expected = ms(20 * index as u64);
            let off = frame.pts().unwrap().abs_diff(expected);
            assert!(off <= ms(11), "{:?} instead of {expected:?}", frame.pts());
            assert!(frame.is_live());
        }
    }

    #[test]
    fn samples_nobody_read_in_time_leave_a_gap_in_time() {
        let (device, keeper, mut writer) = fake::microphone(SampleRate::HZ_16000);
        let mut harness = Harness::new(LocalInput::new(device, keeper, LocalStats::default()));
        harness.advance(ms(3_000));
        // Three seconds at once into a ring of two, as when the program stood still.
        writer.write(vec![1; 48_000].into_iter());
        harness.advance(ms(200));
        writer.write(vec![2; 3_200].into_iter());
        harness.advance(ms(20));
        let log = harness.news();
        let second = log.frames().find_map(|frame| match &frame.payload {
            Payload::InputAudio(pcm) if pcm.samples()[0] == 2 => frame.pts(),
            _ => None,
        });
        let off = second.unwrap().abs_diff(ms(3_000));
        assert!(off <= ms(10), "{second:?}");
    }

    #[test]
    fn a_microphone_that_gives_nothing_any_more_is_lost() {
        let (device, keeper, mut writer) = fake::microphone(SampleRate::HZ_16000);
        let mut harness = Harness::new(LocalInput::new(device, keeper, LocalStats::default()));
        harness.advance(ms(3_000));
        writer.write(vec![0; 320].into_iter());
        harness.advance(SILENT - ms(20));
        assert!(!harness.log().to_string().contains("is lost"), "{}", harness.log());
        harness.advance(ms(50));
        let log = harness.log().to_string();
        assert!(log.contains("a microphone is lost") && log.contains("ended"), "{log}");
    }

    #[test]
    fn a_lost_microphone_is_an_error_and_the_end() {
        let (device, keeper, _writer) = fake::microphone(SampleRate::HZ_16000);
        let stats = LocalStats::default();
        let mut harness = Harness::new(LocalInput::new(device, keeper, stats.clone()));
        stats.lose(true);
        harness.advance(ms(50));
        let log = harness.log().to_string();
        assert!(log.contains("a microphone is lost") && log.contains("ended"), "{log}");
    }
}
