//! The service's audio clock, translated into the session's.
//!
//! Each connection counts time from its first audio and knows only what was sent on it: it does not see the
//! gaps of the input, and keepalive silence moves its clock while the session's stands still. A [`Clock`]
//! notes where the two part and translates the times of words and edges.
//! Reconnects need nothing else: a new connection has a new clock that begins where its first audio stands.

use std::{collections::VecDeque, time::Duration};

use super::ring::Measure;

/// Audio that follows within this is taken as continuous.
const SEAM: Duration = Duration::from_millis(5);
/// How many partings are remembered. Older ones belong to audio that was transcribed long ago.
const REMEMBERED: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Part {
    /// Where it begins on the connection's clock.
    line: Duration,
    /// Where it begins on the session's clock.
    session: Duration,
    /// Whether the session's clock moves in it: not in keepalive silence.
    moves: bool,
}

/// One connection's clock.
#[derive(Debug)]
pub(super) struct Clock {
    measure: Measure,
    ticks: u64,
    parts: VecDeque<Part>,
}

impl Clock {
    pub(super) fn new(measure: Measure) -> Self {
        Self { measure, ticks: 0, parts: VecDeque::new() }
    }

    /// Audio was sent that begins at `at`.
    pub(super) fn sent(&mut self, at: Duration, ticks: u64) {
        let line = self.measure.time(self.ticks);
        let follows = self
            .parts
            .back()
            .is_some_and(|part| part.moves && (part.session + (line - part.line)).abs_diff(at) <= SEAM);
        if !follows {
            self.note(Part { line, session: at, moves: true });
        }
        self.ticks += ticks;
    }

    /// Silence was sent that is no audio of the session, which stands at `at`.
    pub(super) fn silence(&mut self, at: Duration, ticks: u64) {
        let line = self.measure.time(self.ticks);
        self.note(Part { line, session: at, moves: false });
        self.ticks += ticks;
    }

    fn note(&mut self, part: Part) {
        if self.parts.len() == REMEMBERED {
            self.parts.pop_front();
        }
        self.parts.push_back(part);
    }

    /// A time at which something begins.
    pub(super) fn start(&self, line: Duration) -> Duration {
        self.translate(line, self.parts.partition_point(|part| part.line <= line))
    }

    /// A time at which something ends: where two parts meet it belongs to the earlier one.
    pub(super) fn end(&self, line: Duration) -> Duration {
        self.translate(line, self.parts.partition_point(|part| part.line < line))
    }

    fn translate(&self, line: Duration, after: usize) -> Duration {
        let Some(part) = self.parts.get(after.saturating_sub(1)) else { return line };
        if !part.moves {
            return part.session;
        }
        let session = part.session + line.saturating_sub(part.line);
        // Times are rounded by the service: none may reach over a gap.
        match self.parts.get(after.max(1)) {
            Some(next) if next.session >= part.session => session.min(next.session),
            _ => session,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURE: Measure = Measure { sample: Some(2), hz: 1_000 };

    fn ms(value: u64) -> Duration {
        Duration::from_millis(value)
    }

    #[test]
    fn w53_times_begin_where_the_first_audio_of_the_connection_stands() {
        let mut clock = Clock::new(MEASURE);
        clock.sent(ms(7_000), 500);
        clock.sent(ms(7_500), 500);
        assert_eq!(clock.start(ms(250)), ms(7_250));
        assert_eq!(clock.end(ms(900)), ms(7_900));
        assert_eq!(clock.parts.len(), 1);
    }

    #[test]
    fn keepalive_silence_moves_the_clock_of_the_service_only() {
        let mut clock = Clock::new(MEASURE);
        clock.sent(ms(0), 1_000);
        clock.silence(ms(1_000), 100);
        clock.silence(ms(1_000), 100);
        assert_eq!(clock.end(ms(1_150)), ms(1_000));
        clock.sent(ms(1_000), 1_000);
        assert_eq!(clock.end(ms(1_000)), ms(1_000));
        assert_eq!(clock.start(ms(1_150)), ms(1_000));
        assert_eq!(clock.start(ms(1_200)), ms(1_000));
        assert_eq!(clock.end(ms(1_700)), ms(1_500));
    }

    #[test]
    fn a_gap_of_the_input_is_put_back() {
        let mut clock = Clock::new(MEASURE);
        clock.sent(ms(0), 1_000);
        clock.sent(ms(5_000), 1_000);
        assert_eq!(clock.end(ms(1_000)), ms(1_000));
        assert_eq!(clock.start(ms(1_000)), ms(5_000));
        assert_eq!(clock.start(ms(1_250)), ms(5_250));
    }

    #[test]
    fn a_clock_that_sent_nothing_changes_nothing() {
        assert_eq!(Clock::new(MEASURE).start(ms(3)), ms(3));
    }
}
