//! A detector, the framer that feeds it and the edges made of its answers: samples in, edges out.
//!
//! In: audio of any kind in any chunks; that audio has ceased, or ended. Out: [`Finding`]s in order.
//! 1. A frame that could not be judged is reported, and counts as no speech: a detector that fails for good
//!    cannot hold an utterance open.
//! 2. When audio ceases or its clock jumps by `forced_stop` or more, speech stops and the detector forgets.
//!
//! Pure: no clock, no task. [`Vad`](crate::Vad) is this in a pipeline.

use std::{fmt, time::Duration};

use voxline_audio::{Level, Pcm};

use crate::{
    Detector, DetectorFrame, Edge, Edges, Framer, Judged, ParamsError, VadError, VadParams,
    detector::probability,
};

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
}

impl Analyser {
    /// Listens with `detector`, by the default parameters.
    #[must_use]
    pub fn new(detector: impl Detector + 'static) -> Self {
        let framer = Framer::new(detector.rate(), detector.frame_len());
        let edges = Edges::new(VadParams::default(), detector.hangover());
        Self { detector: Box::new(detector), framer, edges, heard_to: None, frames: Vec::new() }
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
        self.detector.reset();
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
        for frame in std::mem::take(&mut self.frames) {
            self.judge_frame(&frame, findings);
        }
    }

    fn judge_frame(&mut self, frame: &DetectorFrame, findings: &mut Vec<Finding>) {
        let jump = self.heard_to.map_or(Duration::ZERO, |to| frame.start.abs_diff(to));
        if jump >= self.edges.params().forced_stop {
            findings.extend(self.edges.handle_ceased(jump).map(Finding::Edge));
            self.detector.reset();
        }
        self.heard_to = Some(frame.end);
        let judged = self.detector.detect(&frame.samples);
        let probability = match judged.and_then(|got| probability(self.detector.name(), got)) {
            Ok(probability) => probability,
            Err(error) => {
                findings.push(Finding::Failed(error));
                0.0
            }
        };
        let level_dbfs = Level::of(&frame.samples).rms_dbfs();
        let judged = Judged { start: frame.start, end: frame.end, probability, level_dbfs };
        findings.extend(self.edges.handle_frame(judged).map(Finding::Edge));
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
