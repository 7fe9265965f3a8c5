//! One answer: the text still to be sent, the requests that are out, and when all of it was spoken.
//!
//! The service's `complete` names no request reliably and comes never, late, or several times (protocol
//! section 4.4), so the account is ours:
//! 1. A request is *done* by its own `complete`, by audio of a later request, or, when it has as much
//!    audio as its text must have, by quiet.
//! 2. An answer is over when all its text was given and sent and every request is done.
//! 3. A text must have at least [`FLOOR`] of audio a letter, divided by the speed: half of what speech
//!    takes. Less is not all of it, whatever the service says by closing.
//!
//! Nothing here knows a connection. Read next: `mod.rs`, which sends.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use voxline_core::frame::{ContextId, RequestId};

use super::voice::{Rates, Voice};
use crate::{config::Patience, text::letters};

/// Of audio for each letter or digit. Speech has 12 to 17 letters a second; 25 is too fast for any voice.
pub(super) const FLOOR: Duration = Duration::from_millis(40);

/// How much blank text is worth keeping, in bytes.
const GAP: usize = 16;

/// Text to be sent, at most as long as one request may be.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) text: String,
    /// How often it was sent before.
    pub(super) sent: u8,
}

/// A request that was sent.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) request: RequestId,
    /// What was sent, to be sent again.
    pub(super) text: String,
    /// How often it was sent before this.
    pub(super) sent_before: u8,
    /// In how many messages.
    pub(super) fragments: u32,
    /// Whether the service was told that no more text of it comes.
    pub(super) released: bool,
    /// How much audio it must have at least.
    pub(super) floor: Duration,
    /// How much came.
    pub(super) audio: Duration,
    pub(super) done: bool,
    /// A `complete` that may have meant it came.
    pub(super) completed: bool,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) id: ContextId,
    pub(super) pieces: VecDeque<Piece>,
    /// Blank text that waits for the text it stands before; at most [`GAP`] bytes.
    gap: String,
    /// All its text was given.
    pub(super) finished: bool,
    /// The requests that are out, oldest first; those that are done leave from the front.
    pub(super) segments: VecDeque<Segment>,
    /// Whether anything of it was ever sent.
    pub(super) begun: bool,
    next_request: u32,
    pub(super) voice: Voice,
    /// The synthesis whose words come, and how much audio came before it.
    timeline: (Option<String>, RequestId, Duration),
    /// When anything of it last moved.
    pub(super) progress: Instant,
}

/// What a deadline of an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// Nothing more, and the answer goes on or is over.
    Quiet,
    /// More audio.
    Audio,
}

impl Segment {
    /// How long its text is, in Unicode characters.
    pub(super) fn characters(&self) -> u64 {
        self.text.chars().count() as u64
    }

    /// Whether it has as much audio as its text must have.
    pub(super) fn is_spoken(&self) -> bool {
        self.audio >= self.floor && !self.audio.is_zero()
    }
}

impl Answer {
    pub(super) fn new(id: ContextId, rates: Rates, now: Instant) -> Self {
        Self {
            id,
            pieces: VecDeque::new(),
            gap: String::new(),
            finished: false,
            segments: VecDeque::new(),
            begun: false,
            next_request: 0,
            voice: Voice::new(rates),
            timeline: (None, RequestId(0), Duration::ZERO),
            progress: now,
        }
    }

    /// Bytes of text that wait.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.pieces.iter().map(|piece| piece.text.len()).sum()
    }

    /// Text with the blanks that came before it; nothing while all of it is blank.
    pub(super) fn join_gap(&mut self, text: &str) -> Option<String> {
        if text.trim().is_empty() {
            if self.gap.len() + text.len() <= GAP {
                self.gap.push_str(text);
            }
            return None;
        }
        Some(std::mem::take(&mut self.gap) + text)
    }

    /// Begins a request. Its text is added by [`Self::extend`].
    pub(super) fn open_segment(&mut self, sent_before: u8) -> RequestId {
        let request = RequestId(self.next_request);
        self.next_request += 1;
        self.begun = true;
        self.segments.push_back(Segment {
            request,
            text: String::new(),
            sent_before,
            fragments: 0,
            released: false,
            floor: Duration::ZERO,
            audio: Duration::ZERO,
            done: false,
            completed: false,
        });
        request
    }

    /// Adds sent text to the open request.
    pub(super) fn extend(&mut self, text: &str, speed: f64, now: Instant) {
        self.progress = now;
        if let Some(segment) = self.segments.back_mut() {
            segment.text.push_str(text);
            segment.fragments += 1;
            segment.floor = FLOOR.mul_f64(letters(&segment.text) as f64 / speed.max(0.1));
        }
    }

    /// The request that still takes text.
    pub(super) fn open(&self) -> Option<&Segment> {
        self.segments.back().filter(|segment| !segment.released)
    }

    /// Tells that the open request takes no more text.
    pub(super) fn release(&mut self, now: Instant) {
        self.progress = now;
        if let Some(segment) = self.segments.back_mut() {
            segment.released = true;
        }
    }

    /// The requests that are out and not done.
    pub(super) fn undone(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(|segment| !segment.done)
    }

    /// Whether the service owes anything for it.
    pub(super) fn is_owed(&self) -> bool {
        self.undone().next().is_some()
    }

    /// The request that audio without a name belongs to.
    pub(super) fn current(&self) -> Option<RequestId> {
        self.undone().next().map(|segment| segment.request).or(self.voice.request())
    }

    /// Whether `request` was ever sent for this answer.
    pub(super) fn has(&self, request: RequestId) -> bool {
        request.0 < self.next_request
    }

    /// Whether all of it was spoken.
    pub(super) fn is_over(&self) -> bool {
        self.finished && self.pieces.is_empty() && !self.is_owed()
    }

    /// Takes note of audio: what was before this request is done.
    pub(super) fn heard(&mut self, request: RequestId, audio: Duration, now: Instant) {
        self.progress = now;
        for segment in &mut self.segments {
            if segment.request < request && segment.released {
                segment.done = true;
            } else if segment.request == request {
                segment.audio += audio;
            }
        }
        self.forget_done();
    }

    /// Takes note of a `complete` for this request. `sure` when it can mean nothing else.
    pub(super) fn completed(&mut self, request: RequestId, sure: bool, now: Instant) {
        self.progress = now;
        for segment in self.segments.iter_mut().filter(|segment| segment.released) {
            if segment.request < request {
                segment.done = true;
            } else if segment.request == request {
                segment.completed = true;
                segment.done |= sure && (segment.fragments == 1 || segment.is_spoken());
            }
        }
        self.forget_done();
    }

    /// Where the words of this synthesis begin on the timeline of the answer.
    pub(super) fn words_begin(&mut self, request: RequestId, synthesis: Option<&str>) -> Duration {
        let (known, of, base) = &mut self.timeline;
        if *of != request || known.as_deref() != synthesis {
            *known = synthesis.map(str::to_owned);
            *of = request;
            *base = self.voice.received();
        }
        *base
    }

    /// What is waited for, and until when. Nothing while the service was asked nothing.
    pub(super) fn deadline(&self, patience: &Patience) -> Option<(Instant, Expected)> {
        let mut waiting = self.undone().filter(|segment| segment.released).peekable();
        waiting.peek()?;
        let quiet = waiting.all(|segment| segment.is_spoken() || segment.completed);
        let (wait, expected) =
            if quiet { (patience.quiet, Expected::Quiet) } else { (patience.first_audio, Expected::Audio) };
        Some((self.progress + wait, expected))
    }

    /// Marks as done what can be taken as spoken; gives how many.
    pub(super) fn assume_done(&mut self) -> u64 {
        let mut assumed = 0;
        for segment in self.segments.iter_mut().filter(|segment| segment.released && !segment.done) {
            if segment.is_spoken() || segment.completed || segment.floor.is_zero() {
                segment.done = true;
                assumed += 1;
            }
        }
        self.forget_done();
        assumed
    }

    /// Takes back the requests that are not done, to be sent again, in order.
    ///
    /// Gives false, and takes nothing, when one of them has given audio (which must not be repeated) or was
    /// sent again before.
    pub(super) fn take_back(&mut self) -> bool {
        if self.undone().any(|segment| !segment.audio.is_zero() || segment.sent_before > 0) {
            return false;
        }
        for segment in std::mem::take(&mut self.segments).into_iter().rev().filter(|segment| !segment.done) {
            self.pieces.push_front(Piece { text: segment.text, sent: segment.sent_before + 1 });
        }
        true
    }

    fn forget_done(&mut self) {
        while self.segments.front().is_some_and(|segment| segment.done) {
            self.segments.pop_front();
        }
    }
}
