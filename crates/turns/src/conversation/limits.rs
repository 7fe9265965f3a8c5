//! Keeping a conversation short: the oldest goes first, or is summarised.
//!
//! Pure. What is never cut away: the instructions at the beginning, a call of tools without its results, calls
//! that are not settled, an answer that is being spoken, and the newest entry.

use std::{ops::Range, sync::Arc, time::Duration};

use voxline_core::frame::ChatMessage;

use super::history::History;

/// How long a conversation may become. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Messages in all.
    pub messages: Option<usize>,
    /// Letters in all, a few for each token.
    pub letters: Option<usize>,
}

/// When older messages are replaced by a summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SummaryConfig {
    /// From so many letters on. Default 32,000, some 8,000 tokens.
    pub letters: usize,
    /// From so many messages on. Default 60.
    pub messages: usize,
    /// Entries at the end that stay as they are. Default 8.
    pub keep: usize,
    /// How long the summary may take, before it is given up. Default 60 s.
    pub deadline: Duration,
}

impl Default for SummaryConfig {
    fn default() -> Self {
        Self { letters: 32_000, messages: 60, keep: 8, deadline: Duration::from_secs(60) }
    }
}

/// What is to be summarised.
#[derive(Clone, Debug)]
pub(crate) struct ToSummarise {
    pub(crate) messages: Arc<[ChatMessage]>,
    ids: Vec<u64>,
}

impl History {
    /// Cuts away the oldest entries until the limits hold, or nothing more may go.
    pub(super) fn trim(&mut self, limits: &Limits) {
        loop {
            let (messages, letters) = self.size();
            let over = limits.messages.is_some_and(|limit| messages > limit)
                || limits.letters.is_some_and(|limit| letters > limit);
            let last = self.entries.len().saturating_sub(1);
            let from = self.head();
            let oldest = (from..last).find(|&index| self.entries[index].is_settled());
            match oldest {
                Some(oldest) if over => self.entries.remove(oldest),
                _ => return,
            };
        }
    }

    /// What should be summarised now, if anything.
    pub(super) fn to_summarise(&self, config: &SummaryConfig) -> Option<ToSummarise> {
        let (messages, letters) = self.size();
        if messages < config.messages && letters < config.letters {
            return None;
        }
        let range = self.summarisable(config.keep);
        // One entry is no conversation, and may be a summary already.
        if range.len() < 2 {
            return None;
        }
        let mut messages = Vec::new();
        for entry in &self.entries[range.clone()] {
            entry.render(false, &mut messages);
        }
        let ids = self.entries[range].iter().map(|entry| entry.id).collect();
        Some(ToSummarise { messages: messages.into(), ids })
    }

    /// Puts a summary in place of what it summarises; not if that is no longer there as it was.
    pub(super) fn summarised(&mut self, job: &ToSummarise, summary: &str) -> bool {
        let first = job.ids.first().and_then(|id| self.entries.iter().position(|entry| entry.id == *id));
        let Some(first) = first else { return false };
        let range = first..first + job.ids.len();
        let same = self
            .entries
            .get(range.clone())
            .is_some_and(|entries| entries.iter().map(|entry| entry.id).eq(job.ids.iter().copied()));
        if same && !summary.trim().is_empty() {
            let text = format!("Summary of the conversation so far: {}", summary.trim());
            self.replace(range, ChatMessage::User { text });
            return true;
        }
        false
    }

    fn summarisable(&self, keep: usize) -> Range<usize> {
        let from = self.head();
        let to = self.entries.len().saturating_sub(keep.max(1)).max(from);
        let settled = self.entries[from..to].iter().take_while(|entry| entry.is_settled()).count();
        from..from + settled
    }

    /// How many instructions are at the beginning.
    fn head(&self) -> usize {
        self.entries.iter().take_while(|entry| entry.instructs()).count()
    }

    fn size(&self) -> (usize, usize) {
        self.entries.iter().map(super::entry::Entry::size).fold((0, 0), |(m, l), (em, el)| (m + em, l + el))
    }
}
