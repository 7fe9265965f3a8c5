//! The sound files of a recording.
//!
//! In: what a [`Recording`](crate::recording::Recording) gives out. `call.wav` is brought up to date with every
//! block, so a program that dies leaves a file that plays to the second before. A block that is missing because
//! the disk was too slow is silence: those after it keep their place.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
};

use voxline_audio::{Pcm, SampleRate, WavError, WavWriter};

use crate::{RecordError, offload::Sink, recording::Write, timeline::Side};

/// Frames of silence written at a time.
const SILENCE: u64 = 48_000;

type Writer = WavWriter<BufWriter<File>>;

/// The open files.
#[derive(Debug)]
pub(crate) struct Files {
    folder: PathBuf,
    rate: SampleRate,
    call: Writer,
    clips: Vec<(u32, PathBuf, Writer)>,
}

impl Files {
    /// Makes the folder and begins the files; those of an earlier recording there are replaced.
    pub(crate) fn create(folder: &Path, rate: SampleRate, clips: bool) -> Result<Self, RecordError> {
        let deepest = if clips { folder.join("turns") } else { folder.to_owned() };
        fs::create_dir_all(&deepest).map_err(|source| RecordError::Folder { path: deepest, source })?;
        let path = call_path(folder);
        let call = WavWriter::create_interleaved(&path, rate, 2).map_err(|e| failed(&path, e))?;
        Ok(Self { folder: folder.to_owned(), rate, call, clips: Vec::new() })
    }

    fn write_call(&mut self, at: u64, pcm: &Pcm) -> Result<(), WavError> {
        while self.call.frames() < at {
            let frames = (at - self.call.frames()).min(SILENCE) as usize;
            let silence = Pcm::interleaved(vec![0; 2 * frames], self.rate, 2).expect("two samples a frame");
            self.call.write(&silence)?;
        }
        self.call.write(pcm)?;
        self.call.flush()
    }

    fn write_clip(&mut self, number: u32, side: Side, pcm: &Pcm, last: bool) -> Result<(), RecordError> {
        let index = match self.clips.iter().position(|(known, ..)| *known == number) {
            Some(index) => index,
            None => {
                let path = self.folder.join("turns").join(clip_name(number, side));
                let writer = WavWriter::create(&path, self.rate).map_err(|e| failed(&path, e))?;
                self.clips.push((number, path, writer));
                self.clips.len() - 1
            }
        };
        let (_, path, writer) = &mut self.clips[index];
        writer.write(pcm).and_then(|()| writer.flush()).map_err(|e| failed(path, e))?;
        if last {
            let (_, path, writer) = self.clips.swap_remove(index);
            writer.close().map_err(|e| failed(&path, e))?;
        }
        Ok(())
    }
}

impl Sink for Files {
    type Write = Write;

    fn cost(write: &Write) -> usize {
        let (Write::Call { pcm, .. } | Write::Clip { pcm, .. }) = write;
        size_of_val(pcm.samples())
    }

    fn write(&mut self, write: Write) -> Result<(), RecordError> {
        match write {
            Write::Call { at, pcm } => {
                self.write_call(at, &pcm).map_err(|error| failed(&call_path(&self.folder), error))
            }
            Write::Clip { number, side, pcm, last } => self.write_clip(number, side, &pcm, last),
        }
    }

    fn close(self) -> Result<(), RecordError> {
        for (_, path, writer) in self.clips {
            writer.close().map_err(|e| failed(&path, e))?;
        }
        self.call.close().map_err(|e| failed(&call_path(&self.folder), e))
    }
}

fn call_path(folder: &Path) -> PathBuf {
    folder.join("call.wav")
}

/// `0007-user.wav`: in the order in which turns began.
fn clip_name(number: u32, side: Side) -> String {
    let who = match side {
        Side::User => "user",
        Side::Bot => "bot",
    };
    format!("{number:04}-{who}.wav")
}

fn failed(path: &Path, source: WavError) -> RecordError {
    RecordError::Wav { path: path.to_owned(), source }
}
