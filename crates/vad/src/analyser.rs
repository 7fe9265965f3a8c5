//! A detector, the framer that feeds it and the edges made of its answers: samples in, edges out.
//!
//! In: audio of any kind in any chunks; that audio has ceased, or ended. Out: [`Finding`]s in order.
//! 1. A frame that could not be judged is reported, and counts as no speech: a detector that fails for good
//!    cannot hold an utterance open.
//! 2. A frame too quiet to be speech need not be judged: where such frames go on, a detector that allows it is
//!    spared them (see [`Detector::memory`]). Calls are silent most of the time.
//! 3. When audio ceases or its clock jumps by `forced_stop` or more, speech stops and the detector forgets.
//!
//! Pure: no clock, no task. [`Vad`](crate::Vad) is this in a pipeline.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use voxline_audio::{Level, Pcm};

use crate::{
    Detector, DetectorFrame, Edge, Edges, Framer, Judged, ParamsError, VadError, VadParams,
    detector::probability,
};

/// How many quiet frames in a row are heard before the detector is spared: half a second of 16 ms frames, so that
/// what it remembers of speech has faded.
const HEARD_QUIET: usize = 32;

/// What came out of a stretch of audio.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// Speech began or ended.
    Edge(Edge),
    /// A frame or chunk could not be judged.
    Failed(VadError),
}

/// Finds the speech in one stream.
pub struct Analyser {
    detector: Box<dyn Detector>,
    framer: Framer,
    edges: Edges,
    /// Where the last frame ended.
    heard_to: Option<Duration>,
    /// Empty between calls.
    frames: Vec<DetectorFrame>,
    /// Quiet frames in a row up to now.
    quiet: usize,
    /// The last of those the detector was spared; as many as it needs.
    spared: VecDeque<Arc<[i16]>>,
}

impl Analyser {
    /// Listens with `detector`, by the default parameters.
    #[must_use]
    pub fn new(detector: impl Detector + 'static) -> Self {
        let framer = Framer::new(detector.rate(), detector.frame_len());
        let edges = Edges::new(VadParams::default(), detector.hangover());
        Self {
            detector: Box::new(detector),
            framer,
            edges,
            heard_to: None,
            frames: Vec::new(),
            quiet: 0,
            spared: VecDeque::new(),
        }
    }

    /// Takes the next audio, beginning at position `at` if that is known, and appends what it shows.
    pub fn handle_audio(&mut self, pcm: &Pcm, at: Option<Duration>, findings: &mut Vec<Finding>) {
        let framed = self.framer.push(pcm, at, &mut self.frames);
        self.judge(findings);
        findings.extend(framed.err().map(Finding::Failed));
    }

    /// Audio has not come for `waited`. Speech is over; audio that comes later begins anew.
    pub fn handle_ceased(&mut self, waited: Duration, findings: &mut Vec<Finding>) {
        self.framer.finish(&mut self.frames);
        self.judge(findings);
        findings.extend(self.edges.handle_ceased(waited).map(Finding::Edge));
        self.reset();
        self.heard_to = None;
    }

    /// Goes on by other parameters, without forgetting anything.
    ///
    /// # Errors
    /// When they cannot be used; the old ones stay.
    pub fn set_params(&mut self, params: VadParams) -> Result<(), ParamsError> {
        params.check()?;
        self.edges.set_params(params);
        Ok(())
    }

    /// By what it goes.
    #[must_use]
    pub fn params(&self) -> &VadParams {
        self.edges.params()
    }

    /// Whether speech has started and not stopped.
    #[must_use]
    pub fn is_speaking(&self) -> bool {
        self.edges.is_speaking()
    }

    /// Whether nothing that was heard last may be, or become, speech.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.edges.is_quiet()
    }

    /// Where the next audio is, unless it will say otherwise.
    #[must_use]
    pub fn position(&self) -> Duration {
        self.framer.position()
    }

    fn judge(&mut self, findings: &mut Vec<Finding>) {
        let mut frames = std::mem::take(&mut self.frames);
        frames.drain(..).for_each(|frame| self.judge_frame(&frame, findings));
        self.frames = frames;
    }

    fn judge_frame(&mut self, frame: &DetectorFrame, findings: &mut Vec<Finding>) {
        let jump = self.heard_to.map_or(Duration::ZERO, |to| frame.start.abs_diff(to));
        if jump >= self.edges.params().forced_stop {
            findings.extend(self.edges.handle_ceased(jump).map(Finding::Edge));
            self.reset();
        }
        self.heard_to = Some(frame.end);
        let level_dbfs = Level::of(&frame.samples).rms_dbfs();
        let judged =
            if self.spares(&frame.samples, level_dbfs) { Ok(0.0) } else { self.detect(&frame.samples) };
        let probability = match judged.and_then(|got| probability(self.detector.name(), got)) {
            Ok(probability) => probability,
            Err(error) => {
                findings.push(Finding::Failed(error));
                0.0
            }
        };
        let judged = Judged { start: frame.start, end: frame.end, probability, level_dbfs };
        findings.extend(self.edges.handle_frame(judged).map(Finding::Edge));
    }

    /// Whether the detector need not hear this frame, because whatever it said the level would decide.
    fn spares(&mut self, samples: &Arc<[i16]>, level_dbfs: f32) -> bool {
        let Some(memory) = self.detector.memory() else { return false };
        if level_dbfs >= self.edges.params().min_level_dbfs {
            self.quiet = 0;
            return false;
        }
        self.quiet = self.quiet.saturating_add(1);
        if self.quiet <= HEARD_QUIET {
            return false;
        }
        if self.spared.len() >= memory {
            self.spared.pop_front();
        }
        self.spared.push_back(samples.clone());
        true
    }

    /// Judges a frame, after the last of those that were spared.
    fn detect(&mut self, samples: &[i16]) -> Result<f32, VadError> {
        for spared in self.spared.drain(..) {
            // It was silence whatever the detector makes of it.
            let _ = self.detector.detect(&spared);
        }
        self.detector.detect(samples)
    }

    fn reset(&mut self) {
        self.detector.reset();
        (self.quiet, self.spared) = (0, VecDeque::new());
    }
}

impl fmt::Debug for Analyser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Analyser")
            .field("detector", &self.detector.name())
            .field("edges", &self.edges)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use voxline_audio::SampleRate;

    use super::*;

    /// Notes what it hears.
    struct Listener(Arc<Mutex<Vec<i16>>>, Option<usize>);

    impl Detector for Listener {
        fn name(&self) -> &'static str {
            "listener"
        }

        fn rate(&self) -> SampleRate {
            SampleRate::HZ_16000
        }

        fn frame_len(&self) -> usize {
            1
        }

        fn detect(&mut self, frame: &[i16]) -> Result<f32, VadError> {
            self.0.lock().unwrap().push(frame[0]);
            Ok(0.0)
        }

        fn reset(&mut self) {}

        fn memory(&self) -> Option<usize> {
            self.1
        }
    }

    fn heard(memory: Option<usize>, samples: Vec<i16>) -> Vec<i16> {
        let heard = Arc::default();
        let mut analyser = Analyser::new(Listener(Arc::clone(&heard), memory));
        let mut findings = Vec::new();
        analyser.handle_audio(&Pcm::mono(samples, SampleRate::HZ_16000), None, &mut findings);
        std::mem::take(&mut heard.lock().unwrap())
    }

    /// −60 dBFS is 33.
    const LOUD: i16 = 3000;

    #[test]
    fn a_detector_is_spared_long_silence_and_hears_the_last_of_it_before_a_sound() {
        let silence: Vec<i16> = (0..HEARD_QUIET + 30).map(|index| (index % 20) as i16).collect();
        let all = [&[LOUD][..], &silence, &[LOUD, LOUD]].concat();
        let expected =
            [&[LOUD][..], &silence[..HEARD_QUIET], &silence[silence.len() - 3..], &[LOUD, LOUD]].concat();
        assert_eq!(heard(Some(3), all.clone()), expected);
        assert_eq!(heard(None, all.clone()), all, "one that needs everything hears everything");
    }

    #[test]
    fn pauses_between_words_are_heard() {
        let pause = vec![0; HEARD_QUIET];
        let all = [&[LOUD][..], &pause, &[LOUD], &pause, &[LOUD]].concat();
        assert_eq!(heard(Some(3), all.clone()), all);
    }
}
