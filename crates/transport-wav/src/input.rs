//! A WAV file as the input of a pipeline.
//!
//! | frame | what happens |
//! |---|---|
//! | out: `InputAudio` | 20 ms mono at the session's input rate, timed by its place in the file |
//! | out: `End` | after the file and the silence that follows it, unless [`WavInput::keep_open`] |
//! | anything else | passed on |
//!
//! Promises: every sample of the file goes in, in order, at either pace; a truncated file gives the samples
//! it has and then an error that says what is missing. Frames are not live: a full pipeline makes the file
//! wait, nothing is dropped.

use std::{
    fs::File,
    io::BufReader,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep_until};
use voxline_audio::{Chunker, Pcm, Resampler, SampleRate, StreamResampler, WavError, WavReader};
use voxline_core::{
    Context, Error, Event, Processor,
    frame::{Frame, Payload},
    pipeline::JobOutput,
    processor::Result,
};

use crate::Pace;

/// The length of the frames.
const FRAME: Duration = Duration::from_millis(20);
/// Frames read from the file at a time.
const BLOCK: usize = 4096;

/// What an input has read so far; shared with whoever wants to know.
#[derive(Clone, Debug, Default)]
pub struct WavInputCounters {
    samples: Arc<AtomicU64>,
    rate: Arc<AtomicU64>,
}

impl WavInputCounters {
    /// Audio of the file given to the pipeline so far.
    #[must_use]
    pub fn audio(&self) -> Duration {
        let rate = u32::try_from(self.rate.load(Ordering::Relaxed)).ok().and_then(SampleRate::new);
        rate.map_or(Duration::ZERO, |rate| rate.duration_of(self.samples.load(Ordering::Relaxed)))
    }
}

/// Ends an input before its file does: what has been read is followed by the silence and the end, in order.
#[derive(Clone, Debug, Default)]
pub struct WavInputStop(Arc<AtomicBool>);

impl WavInputStop {
    /// Reads no further.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a running input reports. Everything that could be read has come out before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The file ends before the audio it announces.
    #[error("the file is cut short: it announces {announced:.2?} of audio and has {present:.2?}")]
    CutShort {
        /// How much audio its header announces.
        announced: Duration,
        /// How much there was.
        present: Duration,
    },
    /// The file could not be read to its end.
    #[error("the file cannot be read to its end")]
    Unreadable(#[source] WavError),
}

/// Plays a WAV file into the pipeline.
#[derive(Debug)]
pub struct WavInput {
    reader: Option<WavReader<BufReader<File>>>,
    pace: Pace,
    silence: Duration,
    keep_open: bool,
    counters: WavInputCounters,
    stop: WavInputStop,
    rate: SampleRate,
    announced: Option<Duration>,
}

/// What the reading job sends.
enum Read {
    Audio(Pcm, Duration),
    Trouble(Error),
    Done,
}

impl WavInput {
    /// Opens a file.
    ///
    /// # Errors
    /// [`WavError`], by what is wrong with it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, WavError> {
        let reader = WavReader::open(path)?;
        Ok(Self {
            rate: reader.rate(),
            announced: reader.announced_duration(),
            reader: Some(reader),
            pace: Pace::Realtime,
            silence: Duration::from_secs(1),
            keep_open: false,
            counters: WavInputCounters::default(),
            stop: WavInputStop::default(),
        })
    }

    /// Plays at another pace.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Adds so much silence after the file, so that the end of speech can be heard. Default 1 s.
    #[must_use]
    pub fn with_silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// Does not end the session after the file.
    #[must_use]
    pub fn keep_open(mut self) -> Self {
        self.keep_open = true;
        self
    }

    /// The rate of the file. What comes out has the session's.
    #[must_use]
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// How long the file says it is; `None` for one that was written to a pipe.
    #[must_use]
    pub fn announced_duration(&self) -> Option<Duration> {
        self.announced
    }

    /// A handle that ends the input early.
    #[must_use]
    pub fn stopper(&self) -> WavInputStop {
        self.stop.clone()
    }

    /// A handle that tells how much has been read.
    #[must_use]
    pub fn counters(&self) -> WavInputCounters {
        self.counters.clone()
    }
}

impl Processor for WavInput {
    fn start(&mut self, ctx: &mut Context<'_>) -> Result {
        let Some(reader) = self.reader.take() else { return Ok(()) };
        let rate = ctx.session().input_rate;
        let resampler = StreamResampler::new(reader.rate(), rate).map_err(Error::other)?;
        self.counters.rate.store(u64::from(rate.hz()), Ordering::Relaxed);
        let frame = rate.samples_in(FRAME) as usize;
        let chunker = Chunker::new(frame).ok_or_else(|| Error::Unusable {
            what: format!("an input rate of {rate} is too low for 20 ms frames"),
        })?;
        let (silence, stop) = (self.silence, self.stop.clone());
        let player = Player { reader, resampler, chunker, rate, at: 0, silence, stop };
        let (pace, counters) = (self.pace, self.counters.clone());
        ctx.spawn_surviving(move |output| player.play(pace, counters, output));
        Ok(())
    }

    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        ctx.push(frame);
        Ok(())
    }

    fn event(&mut self, event: Event, ctx: &mut Context<'_>) -> Result {
        match event.downcast::<Read>() {
            Ok(Read::Audio(pcm, at)) => ctx.push(Frame::input_audio(pcm).with_pts(at)),
            Ok(Read::Trouble(error)) => ctx.report(error),
            Ok(Read::Done) if !self.keep_open => ctx.push_down(Payload::End),
            Ok(Read::Done) | Err(_) => {}
        }
        Ok(())
    }
}

/// The reading job's state.
struct Player {
    reader: WavReader<BufReader<File>>,
    resampler: StreamResampler,
    chunker: Chunker,
    rate: SampleRate,
    /// Samples sent.
    at: u64,
    silence: Duration,
    stop: WavInputStop,
}

impl Player {
    async fn play(mut self, pace: Pace, counters: WavInputCounters, output: JobOutput) -> Result {
        let began = Instant::now();
        let mut samples = Vec::new();
        while !self.stop.is_stopped() {
            samples.clear();
            match self.reader.read(BLOCK) {
                Ok(Some(pcm)) => self.resampler.push(pcm.samples(), &mut samples),
                Ok(None) => break,
                Err(error) => {
                    output.send(Read::Trouble(Error::other(InputError::Unreadable(error)))).await?;
                    break;
                }
            }
            self.send(&samples, pace, began, &output).await?;
            counters.samples.store(self.at, Ordering::Relaxed);
        }
        samples.clear();
        self.resampler.flush(&mut samples);
        let file = self.at + self.chunker.waiting() as u64 + samples.len() as u64;
        samples.resize(samples.len() + self.rate.samples_in(self.silence) as usize, 0);
        self.send(&samples, pace, began, &output).await?;
        if let Some(rest) = self.chunker.flush() {
            self.send_chunk(rest, pace, began, &output).await?;
        }
        counters.samples.store(file, Ordering::Relaxed);
        if let Some(truncation) = self.reader.truncation() {
            let rate = self.reader.rate();
            let (announced, present) =
                (rate.duration_of(truncation.announced), rate.duration_of(truncation.read));
            let error = InputError::CutShort { announced, present };
            output.send(Read::Trouble(Error::other(error))).await?;
        }
        output.send(Read::Done).await
    }

    async fn send(&mut self, samples: &[i16], pace: Pace, began: Instant, output: &JobOutput) -> Result {
        let chunks: Vec<_> = self.chunker.push(samples).collect();
        for chunk in chunks {
            self.send_chunk(chunk, pace, began, output).await?;
        }
        Ok(())
    }

    /// Sends a chunk when its last sample has been spoken.
    async fn send_chunk(
        &mut self,
        chunk: Arc<[i16]>,
        pace: Pace,
        began: Instant,
        output: &JobOutput,
    ) -> Result {
        let at = self.rate.duration_of(self.at);
        self.at += chunk.len() as u64;
        if pace == Pace::Realtime {
            sleep_until(began + self.rate.duration_of(self.at)).await;
        }
        output.send(Read::Audio(Pcm::mono(chunk, self.rate), at)).await
    }
}
