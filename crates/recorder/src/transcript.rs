//! What was said, as it was said: an observer that writes a line for each.
//!
//! Sees transcriptions before anybody takes them, the text and words of answers, and how much of each was heard.
//! Writes `transcript.jsonl`, one JSON object a line, and `transcript.txt` for people.
//! 1. A line is written when it is final: what the user said with its transcription, what the bot said when its
//!    playback is over, as far as it was heard. Each line is on disk before the next.
//! 2. Nothing waits for the disk. An observer that is too slow misses frames; then a line says how many.
//! 3. Times are seconds since the session began, those of `call.wav` while the user's audio comes in real time and
//!    keeps its clock (`docs/recording.md`).

mod answers;
mod line;
mod lines;
mod words;

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use voxline_core::{
    Observer,
    frame::{Direction, FrameId, FrameKind, KindSet, Payload},
    observe::Sighting,
};

pub use self::line::Line;
use crate::{
    RecordError,
    offload::{Offload, Sink},
    transcript::lines::Lines,
};

/// Ids of frames that are remembered: each is seen once for every stage on its way.
const REMEMBERED: usize = 512;
/// What may wait for the disk, in bytes of text.
const WAITING: usize = 1 << 20;

/// Writes down what is said in a call.
#[derive(Debug)]
pub struct Transcript {
    lines: Lines,
    texts: Offload<Texts>,
    seen: VecDeque<FrameId>,
    missed: u64,
    failed: bool,
}

impl Transcript {
    /// Writes into this folder, which is made now; a transcript that is there is replaced. Give it to
    /// [`SessionConfig::with_observer`](voxline_core::SessionConfig::with_observer).
    ///
    /// # Errors
    /// When the folder or the files cannot be made.
    pub fn create(folder: impl AsRef<Path>) -> Result<Self, RecordError> {
        Ok(Self {
            lines: Lines::default(),
            texts: Offload::new(Texts::create(folder.as_ref())?, WAITING),
            seen: VecDeque::new(),
            missed: 0,
            failed: false,
        })
    }

    fn is_new(&mut self, id: FrameId) -> bool {
        if self.seen.contains(&id) {
            return false;
        }
        self.seen.push_back(id);
        if self.seen.len() > REMEMBERED {
            self.seen.pop_front();
        }
        true
    }

    fn tell(&mut self, result: Option<RecordError>) {
        if let Some(error) = result
            && !std::mem::replace(&mut self.failed, true)
        {
            tracing::error!(%error, "the transcript is not complete");
        }
    }
}

impl Observer for Transcript {
    fn interests(&self) -> KindSet {
        KindSet::of(&[
            FrameKind::Transcription,
            FrameKind::TtsText,
            FrameKind::TtsWord,
            FrameKind::BotStartedSpeaking,
            FrameKind::BotStoppedSpeaking,
        ])
    }

    fn on_frame(&mut self, sighting: &Sighting, missed: u64) {
        if missed > self.missed {
            let line = Line::Missed { at: sighting.at, frames: missed - self.missed };
            self.missed = missed;
            self.texts.push(line);
        }
        let frame = &sighting.frame;
        if !self.is_new(frame.id()) {
            return;
        }
        let line = match &frame.payload {
            Payload::Transcription(heard) => self.lines.handle_transcription(sighting.at, heard),
            Payload::TtsText(text) => self.lines.handle_text(text),
            Payload::TtsWord(word) => self.lines.handle_word(word),
            Payload::BotStartedSpeaking(speech) if frame.direction() == Direction::Up => {
                self.lines.handle_started(sighting.at, speech.context)
            }
            Payload::BotStoppedSpeaking(speech) if frame.direction() == Direction::Up => {
                self.lines.handle_stopped(sighting.at, speech)
            }
            _ => None,
        };
        if let Some(line) = line {
            self.texts.push(line);
            let failure = self.texts.take_failure();
            self.tell(failure);
        }
    }
}

impl Drop for Transcript {
    fn drop(&mut self) {
        let closed = self.texts.close([]).err();
        self.tell(closed);
    }
}

/// The two files.
#[derive(Debug)]
struct Texts {
    json: (PathBuf, File),
    text: (PathBuf, File),
}

impl Texts {
    fn create(folder: &Path) -> Result<Self, RecordError> {
        fs::create_dir_all(folder)
            .map_err(|source| RecordError::Folder { path: folder.to_owned(), source })?;
        let file = |name: &str| {
            let path = folder.join(name);
            match File::create(&path) {
                Ok(file) => Ok((path, file)),
                Err(source) => Err(RecordError::Text { path, source }),
            }
        };
        Ok(Self { json: file("transcript.jsonl")?, text: file("transcript.txt")? })
    }
}

impl Sink for Texts {
    type Write = Line;

    fn cost(line: &Line) -> usize {
        line.cost()
    }

    fn write(&mut self, line: Line) -> Result<(), RecordError> {
        // Unbuffered: a line is one write, and is there when the program dies.
        for ((path, file), text) in [(&mut self.json, line.to_json()), (&mut self.text, line.to_text())] {
            file.write_all(format!("{text}\n").as_bytes())
                .map_err(|source| RecordError::Text { path: path.clone(), source })?;
        }
        Ok(())
    }

    fn close(self) -> Result<(), RecordError> {
        Ok(())
    }
}
