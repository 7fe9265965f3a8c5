//! A progress bar on stderr, where that is a terminal; nothing elsewhere.
//!
//! In: how much audio there is and how much is done. It draws when told, without a thread of its own.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// With a known end.
const BAR: &str = "{prefix} [{wide_bar}] {msg}";
/// Without.
const COUNT: &str = "{prefix} {spinner} {msg}";

/// A bar, or none.
#[derive(Debug, Default)]
pub(crate) struct Progress(Option<Shown>);

#[derive(Debug)]
struct Shown {
    bar: ProgressBar,
    total: Option<Duration>,
}

impl Progress {
    pub(crate) fn begin(name: &str, total: Option<Duration>) -> Self {
        let target = ProgressDrawTarget::stderr();
        if target.is_hidden() {
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target(total.map(milliseconds), target);
        let template = if total.is_some() { BAR } else { COUNT };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_owned());
        Self(Some(Shown { bar, total }))
    }

    pub(crate) fn advance(&self, to: Duration) {
        let Some(Shown { bar, total }) = &self.0 else { return };
        bar.set_position(milliseconds(total.map_or(to, |total| to.min(total))));
        bar.set_message(match total {
            Some(total) => format!("{} / {}", clock(to.min(*total)), clock(*total)),
            None => clock(to),
        });
    }

    /// Does something else on the terminal.
    pub(crate) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(Shown { bar, .. }) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// As clocks show it: `1:02:03`, `2:03`.
fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_like_a_clock() {
        assert_eq!(clock(Duration::from_secs(3)), "0:03");
        assert_eq!(clock(Duration::from_millis(123_900)), "2:03");
        assert_eq!(clock(Duration::from_secs(3_723)), "1:02:03");
    }
}
