//! The file a command writes: complete in its place, or not there.
//!
//! Audio is written to a file beside the wanted one and takes its name when the work is done, so that a failure
//! never costs an older recording. What was written before a failure is kept under its own name and told.
//! A target that is no regular file (`/dev/null`, a pipe) is written to directly.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::Duration,
};

use voxline::audio::WavReader;

use crate::exit::{Code, Failure};

/// Names tried for the file beside, where others are left from earlier failures.
const NAMES: u32 = 100;

/// A file to be.
#[derive(Debug)]
pub(crate) struct OutputFile {
    /// Where it is wanted.
    target: PathBuf,
    /// Where it is written.
    partial: PathBuf,
    settled: bool,
}

impl OutputFile {
    /// Makes room for `target`. Nothing of it is touched yet.
    pub(crate) fn create(target: &Path) -> Result<Self, Failure> {
        let unwritable = |error: io::Error| {
            Failure::new(Code::BadInput, format!("{}: cannot be written: {error}", target.display()))
        };
        // A link leads to the file that is meant.
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        match fs::metadata(&target) {
            Ok(found) if found.is_dir() => return Err(unwritable(ErrorKind::IsADirectory.into())),
            Ok(found) if !found.is_file() => {
                return Ok(Self { partial: target.clone(), target, settled: true });
            }
            // What may not be written to is not replaced either.
            Ok(_) => drop(OpenOptions::new().append(true).open(&target).map_err(unwritable)?),
            Err(_) => {}
        }
        for number in 0..NAMES {
            let partial = beside(&target, number);
            match OpenOptions::new().write(true).create_new(true).open(&partial) {
                Ok(_) => return Ok(Self { target, partial, settled: false }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(unwritable(error)),
            }
        }
        Err(unwritable(io::Error::other("too many partial files are beside it")))
    }

    /// Where to write.
    pub(crate) fn path(&self) -> &Path {
        &self.partial
    }

    /// How much audio is in it; zero for what is no regular file.
    pub(crate) fn duration(&self) -> Duration {
        if self.settled {
            return Duration::ZERO;
        }
        let reader = WavReader::open(&self.partial).ok();
        reader.and_then(|reader| reader.announced_duration()).unwrap_or_default()
    }

    /// The work is done: gives the file its name.
    pub(crate) fn keep(mut self) -> Result<(), Failure> {
        if self.settled {
            return Ok(());
        }
        self.settled = true;
        fs::rename(&self.partial, &self.target).map_err(|error| {
            let (partial, target) = (self.partial.display(), self.target.display());
            Failure::new(Code::BadInput, format!("{target}: cannot be replaced: {error}"))
                .advise(format!("the audio is in {partial}"))
        })
    }

    /// The work has failed: where the part that was done is, if there is any.
    pub(crate) fn abandon(mut self) -> Option<PathBuf> {
        if self.settled || self.duration().is_zero() {
            return None;
        }
        self.settled = true;
        Some(self.partial.clone())
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if !self.settled
            && let Err(error) = fs::remove_file(&self.partial)
        {
            tracing::debug!(%error, "the partial file could not be removed");
        }
    }
}

/// Whether both lead to the same file.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other && fs::metadata(one).is_ok_and(|found| found.is_file()),
        _ => false,
    }
}

/// `answer.wav` is first written as `answer.partial.wav`, `answer.partial-1.wav`, …
fn beside(target: &Path, number: u32) -> PathBuf {
    let mut name = target.file_stem().unwrap_or_default().to_owned();
    name.push(".partial");
    if number > 0 {
        name.push(format!("-{number}"));
    }
    if let Some(extension) = target.extension() {
        name.push(".");
        name.push(extension);
    }
    target.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_beside_keeps_its_kind() {
        assert_eq!(beside(Path::new("a/b.wav"), 0), Path::new("a/b.partial.wav"));
        assert_eq!(beside(Path::new("a/b.c.wav"), 2), Path::new("a/b.c.partial-2.wav"));
        assert_eq!(beside(Path::new("answer"), 1), Path::new("answer.partial-1"));
    }
}
