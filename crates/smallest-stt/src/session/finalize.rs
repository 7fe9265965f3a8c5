//! Which final answers which `finalize`.
//!
//! `from_finalize` is a hint: documented, and not seen in the vendor's own probes. So a final is matched by
//! order and time as well:
//! 1. `from_finalize` answers the oldest `finalize` outstanding on its connection.
//! 2. Another final answers it when it is empty, when it carries no times, or when it reaches within a
//!    second of the boundary.
//! 3. Finals come in order: one that begins behind a boundary shows that nothing more comes for that one.
//! 4. `is_last` answers everything outstanding on its connection.
//! 5. One unanswered for five seconds is no longer waited for: the stage has long offered the last interim.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use voxline_core::frame::UtteranceId;
use voxline_wire::ConnectionId;

/// A boundary comes after the detector's window of silence: the last word ends earlier.
const REACHES: Duration = Duration::from_secs(1);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many boundaries are kept; an utterance lasts longer than a tenth of a second.
const MOST: usize = 256;

/// The end of an utterance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) number: u64,
    pub(super) utterance: UtteranceId,
    /// Behind its last byte.
    pub(super) position: u64,
    /// Its end on the session's clock.
    pub(super) at: Duration,
    sent: Option<(ConnectionId, Instant)>,
}

/// What matters of a final.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answer {
    pub(super) from_finalize: bool,
    pub(super) is_last: bool,
    pub(super) empty: bool,
    /// Session times, where it carries any.
    pub(super) start: Option<Duration>,
    pub(super) end: Option<Duration>,
}

/// What a final settles.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Boundaries it passed over: nothing will come for them any more.
    pub(super) passed: Vec<Mark>,
    /// The boundary it answers.
    pub(super) answered: Option<Mark>,
}

/// The boundaries that have not been answered, in order.
#[derive(Debug, Default)]
pub(super) struct Marks {
    list: VecDeque<Mark>,
    next: u64,
}

impl Marks {
    pub(super) fn push(&mut self, utterance: UtteranceId, position: u64, at: Duration) {
        if self.list.len() == MOST {
            self.list.pop_front();
        }
        self.list.push_back(Mark { number: self.next, utterance, position, at, sent: None });
        self.next += 1;
    }

    /// The first boundary that has not been sent and lies at `from` or behind it.
    pub(super) fn unsent(&self, from: u64) -> Option<&Mark> {
        self.list.iter().find(|mark| mark.sent.is_none() && mark.position >= from)
    }

    pub(super) fn sent(&mut self, number: u64, now: Instant, connection: ConnectionId) {
        if let Some(mark) = self.list.iter_mut().find(|mark| mark.number == number) {
            mark.sent = Some((connection, now));
        }
    }

    /// A connection is lost: what it had not answered is asked again on the next.
    pub(super) fn lost(&mut self, connection: ConnectionId) {
        for mark in &mut self.list {
            mark.sent = mark.sent.filter(|&(id, _)| id != connection);
        }
    }

    /// Forgets unsent boundaries up to `position`: their audio is gone, or transcribed already.
    pub(super) fn settle_to(&mut self, position: u64) -> Vec<Mark> {
        let over = |mark: &Mark| mark.sent.is_none() && mark.position <= position;
        let settled = self.list.iter().copied().filter(over).collect();
        self.list.retain(|mark| !over(mark));
        settled
    }

    /// What a final on `connection` settles.
    pub(super) fn confirm(&mut self, now: Instant, connection: ConnectionId, answer: Answer) -> Settled {
        self.list
            .retain(|mark| mark.sent.is_none_or(|(_, sent)| now.saturating_duration_since(sent) < PATIENCE));
        let mine = |mark: &Mark| mark.sent.is_some_and(|(id, _)| id == connection);
        let mut candidates: Vec<Mark> = self.list.iter().copied().filter(mine).collect();
        let settled = if answer.is_last {
            let answered = candidates.pop();
            Settled { passed: candidates, answered }
        } else {
            choose(candidates, answer)
        };
        let over = settled.answered.iter().chain(&settled.passed).map(|mark| mark.number).max();
        self.list.retain(|mark| !mine(mark) || over.is_none_or(|over| mark.number > over));
        settled
    }
}

fn choose(mut candidates: Vec<Mark>, answer: Answer) -> Settled {
    let behind =
        candidates.iter().take_while(|mark| answer.start.is_some_and(|start| start >= mark.at)).count();
    let mut rest = candidates.split_off(behind);
    // Finals come in order: nothing more will come for what it begins behind.
    let mut passed = candidates;
    if rest.is_empty() {
        let answered = if answer.from_finalize { passed.pop() } else { None };
        return Settled { passed, answered };
    }
    let mark = rest.remove(0);
    let reaches = answer.end.is_none_or(|end| end + REACHES >= mark.at);
    let answered = (answer.from_finalize || answer.empty || reaches).then_some(mark);
    Settled { passed, answered }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: ConnectionId = ConnectionId(1);

    fn ms(value: u64) -> Duration {
        Duration::from_millis(value)
    }

    fn marks(now: Instant, ends: &[u64]) -> Marks {
        let mut marks = Marks::default();
        for (index, &end) in ends.iter().enumerate() {
            marks.push(UtteranceId(index as u32 + 1), end, ms(end));
            marks.sent(index as u64, now, LINE);
        }
        marks
    }

    /// The utterance that was answered, after those passed over.
    fn confirmed(marks: &mut Marks, now: Instant, answer: Answer) -> String {
        let settled = marks.confirm(now, LINE, answer);
        let marks = settled.passed.iter().chain(&settled.answered);
        marks.map(|mark| mark.utterance.to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn w43_a_final_without_from_finalize_answers_by_order_and_time() {
        let now = Instant::now();
        let mut marks = marks(now, &[5_000]);
        let rollover = Answer { start: Some(ms(100)), end: Some(ms(2_000)), ..Answer::default() };
        assert_eq!(confirmed(&mut marks, now, rollover), "");
        let reaching = Answer { start: Some(ms(2_000)), end: Some(ms(4_600)), ..Answer::default() };
        assert_eq!(confirmed(&mut marks, now, reaching), "utt-1");
        assert_eq!(confirmed(&mut marks, now, Answer::default()), "");
    }

    #[test]
    fn w43_a_final_without_times_answers_the_oldest() {
        let now = Instant::now();
        let mut marks = marks(now, &[1_000, 2_000]);
        assert_eq!(confirmed(&mut marks, now, Answer::default()), "utt-1");
        assert_eq!(confirmed(&mut marks, now, Answer { empty: true, ..Answer::default() }), "utt-2");
    }

    #[test]
    fn r_44_a_final_that_begins_behind_a_boundary_answers_the_next() {
        let now = Instant::now();
        let mut marks = marks(now, &[1_000, 4_000]);
        let answer =
            Answer { from_finalize: true, start: Some(ms(2_500)), end: Some(ms(3_700)), ..Answer::default() };
        let settled = marks.confirm(now, LINE, answer);
        assert_eq!(settled.passed.len(), 1);
        assert_eq!(settled.answered.map(|mark| mark.utterance.0), Some(2));
        assert_eq!(confirmed(&mut marks, now, Answer::default()), "");
    }

    #[test]
    fn r_44_the_words_of_the_next_utterance_do_not_answer_for_the_one_before() {
        let now = Instant::now();
        let mut marks = marks(now, &[1_000]);
        let next = Answer { start: Some(ms(1_500)), end: Some(ms(2_000)), ..Answer::default() };
        let settled = marks.confirm(now, LINE, next);
        assert_eq!((settled.passed.len(), settled.answered.is_none()), (1, true));
    }

    #[test]
    fn the_last_message_answers_everything_of_its_connection() {
        let now = Instant::now();
        let mut marks = marks(now, &[1_000, 2_000]);
        marks.push(UtteranceId(3), 3_000, ms(3_000));
        assert_eq!(confirmed(&mut marks, now, Answer { is_last: true, ..Answer::default() }), "utt-1 utt-2");
        assert_eq!(marks.unsent(0).map(|mark| mark.utterance.0), Some(3));
    }

    #[test]
    fn what_is_not_answered_in_time_is_not_waited_for() {
        let now = Instant::now();
        let mut marks = marks(now, &[1_000]);
        assert_eq!(confirmed(&mut marks, now + PATIENCE, Answer::default()), "");
    }
}
