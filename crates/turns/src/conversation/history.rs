//! The messages of a conversation, and what keeps them true.
//!
//! Pure. 1. A call of tools and its results are one entry: nothing stands between them, nothing cuts them apart.
//! 2. An answer that is being spoken has its place from its first word on, and becomes a message when its
//! playback is over, with what was heard; nothing heard leaves no message. 3. What the user adds before
//! anything of the answer was heard joins the message before it. 4. Settling twice changes nothing.

use std::{collections::VecDeque, sync::Arc};

use voxline_core::{
    frame::{
        BotSpeech, ChatMessage, ContextId, SpokenText, SpokenWord, ToolCall, ToolOutcome, ToolResult,
        ToolSpec,
    },
    service::ToolsChanged,
};

use super::{
    answer::{Answer, Pace},
    entry::{Entry, Kind, RUNNING},
};
use crate::words::join;

/// Results kept of calls that have not been seen yet.
const EARLY: usize = 16;
/// Answers that are being spoken, or may still turn out to have been. Older ones were not heard.
const SPEAKING: usize = 16;

/// What was said in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) message: ChatMessage,
    pub(crate) cut: bool,
}

/// What a settled call means for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// Nobody waits for it.
    Unknown,
    /// Others of its answer are still running.
    Others,
    /// It was the last one of its answer.
    All {
        /// Whether any of them was not cancelled: there is something the model should hear of.
        worth: bool,
        /// Whether no later answer has called tools.
        newest: bool,
    },
}

/// What requests say of markers.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    pub(super) complete: char,
    pub(super) instructions: String,
}

#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) entries: Vec<Entry>,
    pub(super) tools: Arc<[ToolSpec]>,
    /// Somebody wants an answer as soon as it is the bot's turn.
    pub(super) wanted: bool,
    pub(super) cut_note: String,
    pub(super) marks: Option<Marks>,
    /// Whether a message tells of tools that came and went.
    pub(super) tell_tools: bool,
    next: u64,
    pace: Pace,
    /// The newest answer whose playback is over.
    over: Option<ContextId>,
    early: VecDeque<ToolResult>,
}

impl History {
    /// Takes over messages. Results without a call are left out; calls without a result count as lost, unless they
    /// are running here.
    pub(super) fn load(&mut self, messages: impl IntoIterator<Item = ChatMessage>) {
        let running: Vec<String> = self.entries.iter().flat_map(Entry::running).map(str::to_owned).collect();
        let speaking = |entry: &mut Entry| matches!(entry.kind, Kind::Speaking(_));
        let spoken: Vec<_> = self.entries.extract_if(.., speaking).collect();
        self.entries.clear();
        for message in messages {
            self.add(message);
        }
        for entry in &mut self.entries {
            let Kind::Calls { calls, results, .. } = &mut entry.kind else { continue };
            for (call, result) in calls.iter().zip(results) {
                if result.is_none() && !running.contains(&call.id) {
                    *result = Some("The result was lost.".into());
                }
            }
        }
        self.entries.extend(spoken);
    }

    /// Adds a message at the end. The result of a tool goes to its call.
    pub(super) fn add(&mut self, message: ChatMessage) {
        match message {
            ChatMessage::Assistant { text, calls } if !calls.is_empty() => {
                let results = vec![None; calls.len()];
                self.push(Kind::Calls { text, calls, results, worth: false });
            }
            // That a call is still running is no result.
            ChatMessage::Tool { text, .. } if text == RUNNING => {}
            ChatMessage::Tool { call, text } => {
                self.fill(&call, text);
            }
            message => self.push(Kind::Said(message)),
        }
    }

    /// Adds what the user said, and gives the whole message.
    pub(super) fn add_user(&mut self, said: &str) -> ChatMessage {
        let mut heard = self.entries.iter_mut().rev().filter(|entry| !entry.is_doomed());
        if let Some(Entry { kind: Kind::Said(ChatMessage::User { text }), .. }) = heard.next() {
            join(text, said);
            return ChatMessage::User { text: text.clone() };
        }
        let message = ChatMessage::User { text: said.into() };
        self.push(Kind::Said(message.clone()));
        message
    }

    /// Whether the user, a tool, or news for the model had the last word.
    pub(super) fn is_unanswered(&self) -> bool {
        let last = self.entries.iter().rev().find(|entry| !entry.is_doomed());
        last.is_some_and(|entry| match entry.kind {
            Kind::Said(ChatMessage::User { .. }) | Kind::Calls { .. } => true,
            Kind::Said(ChatMessage::System { .. }) => entry.late,
            _ => false,
        })
    }

    pub(super) fn speak(&mut self, spoken: &SpokenText) {
        if let Some(answer) = self.answer(spoken.context) {
            answer.push_text(&spoken.text);
        }
    }

    pub(super) fn word(&mut self, word: &SpokenWord) {
        if let Some(answer) = self.find(word.context) {
            answer.push_word(word);
        }
    }

    pub(super) fn started(&mut self, context: ContextId) {
        if let Some(answer) = self.find(context) {
            answer.started = true;
        }
    }

    /// Answers that have not begun to play are not expected to any more.
    pub(super) fn interrupt(&mut self) {
        for entry in &mut self.entries {
            if let Kind::Speaking(answer) = &mut entry.kind {
                answer.doomed |= !answer.started;
            }
        }
    }

    /// The playback of an answer is over: what was heard of it becomes a message.
    pub(super) fn settle(&mut self, speech: &BotSpeech) -> Option<Committed> {
        if self.over.is_some_and(|over| speech.context <= over) {
            return None;
        }
        self.over = Some(speech.context);
        let mut committed = None;
        let mut entries = std::mem::take(&mut self.entries);
        entries.retain_mut(|entry| {
            let Kind::Speaking(answer) = &entry.kind else { return true };
            if answer.context != speech.context {
                return answer.context > speech.context;
            }
            let (heard, cut) = answer.heard(speech, self.pace);
            self.pace = answer.pace(speech, self.pace);
            if heard.is_empty() {
                return false;
            }
            let mut text = heard.to_owned();
            if cut {
                join(&mut text, &self.cut_note);
            }
            let message = ChatMessage::Assistant { text, calls: Vec::new() };
            committed = Some(Committed { message: message.clone(), cut });
            entry.kind = Kind::Said(message);
            true
        });
        self.entries = entries;
        committed
    }

    /// The model has called tools.
    pub(super) fn calls(&mut self, calls: &[ToolCall]) {
        let known = |id: &str| self.entries.iter().any(|entry| entry.has_call(id));
        let calls: Vec<_> = calls.iter().filter(|call| !known(&call.id)).cloned().collect();
        if calls.is_empty() {
            return;
        }
        let results = vec![None; calls.len()];
        self.push(Kind::Calls { text: String::new(), calls, results, worth: false });
        for result in std::mem::take(&mut self.early) {
            self.settle_call(&result);
        }
    }

    /// A call is settled. Each is settled once; what comes before its call waits for it. If the user has said
    /// something since the call, a note at the end says that the result is there now.
    pub(super) fn settle_call(&mut self, result: &ToolResult) -> Settled {
        let Some(index) = self.entries.iter().position(|entry| entry.has_call(&result.call.id)) else {
            self.early.push_back(result.clone());
            if self.early.len() > EARLY {
                self.early.pop_front();
            }
            return Settled::Unknown;
        };
        if !self.fill(&result.call.id, told(&result.outcome)) {
            return Settled::Unknown;
        }
        let counts = result.outcome != ToolOutcome::Cancelled;
        let later = &self.entries[index + 1..];
        let newest = !later.iter().any(|entry| matches!(entry.kind, Kind::Calls { .. }));
        let is_user = |entry: &Entry| matches!(entry.kind, Kind::Said(ChatMessage::User { .. }));
        if counts && later.iter().any(is_user) {
            self.push(Kind::Said(ChatMessage::system(news_of(&result.call.name))));
        }
        let Kind::Calls { results, worth, .. } = &mut self.entries[index].kind else {
            return Settled::Unknown;
        };
        *worth |= counts;
        match results.iter().all(Option::is_some) {
            true => Settled::All { worth: *worth, newest },
            false => Settled::Others,
        }
    }

    /// Tools came and went: the model is told, if that is wanted.
    pub(super) fn tools_changed(&mut self, changed: &ToolsChanged) {
        if self.tell_tools && !changed.is_empty() {
            self.push(Kind::Said(ChatMessage::system(news_of_tools(changed))));
        }
    }

    /// Calls that are not settled.
    pub(super) fn running(&self) -> usize {
        self.entries.iter().flat_map(Entry::running).count()
    }

    /// The messages, without an answer that is still being spoken.
    pub(super) fn messages(&self) -> Vec<ChatMessage> {
        self.render(false)
    }

    /// What a model is asked: an answer that is being spoken counts as said. Markers are put in here only, so that
    /// they survive any change of the messages and are kept nowhere.
    pub(super) fn request(&self) -> Vec<ChatMessage> {
        let mut messages = self.render(true);
        let Some(Marks { complete, instructions }) = &self.marks else { return messages };
        for message in &mut messages {
            if let ChatMessage::Assistant { text, .. } = message
                && !text.is_empty()
            {
                *text = format!("{complete} {text}");
            }
        }
        match messages.first_mut() {
            Some(ChatMessage::System { text }) => *text = format!("{text}\n\n{instructions}"),
            _ => messages.insert(0, ChatMessage::system(&**instructions)),
        }
        messages
    }

    /// Changes the instructions at the beginning.
    pub(super) fn instruct(&mut self, text: String) {
        let first = self.entries.first().is_some_and(Entry::instructs);
        if !text.is_empty() {
            self.replace(0..usize::from(first), ChatMessage::System { text });
        } else if first {
            self.entries.remove(0);
        }
    }

    fn render(&self, speaking: bool) -> Vec<ChatMessage> {
        let mut messages = Vec::new();
        for entry in &self.entries {
            entry.render(speaking, &mut messages);
        }
        messages
    }

    fn push(&mut self, kind: Kind) {
        let id = self.next;
        self.next += 1;
        let late = self.entries.iter().any(|entry| !entry.instructs());
        self.entries.push(Entry { id, kind, late });
    }

    /// Replaces entries by one message, with a new id.
    pub(super) fn replace(&mut self, range: std::ops::Range<usize>, message: ChatMessage) {
        let id = self.next;
        self.next += 1;
        let late = range.start > 0 && self.entries[..range.start].iter().any(|entry| !entry.instructs());
        self.entries.splice(range, [Entry { id, kind: Kind::Said(message), late }]);
    }

    fn find(&mut self, context: ContextId) -> Option<&mut Answer> {
        self.entries.iter_mut().find_map(|entry| match &mut entry.kind {
            Kind::Speaking(answer) if answer.context == context => Some(&mut **answer),
            _ => None,
        })
    }

    /// The answer of this context, which begins with this if it is new.
    fn answer(&mut self, context: ContextId) -> Option<&mut Answer> {
        if self.over.is_some_and(|over| context <= over) {
            return None;
        }
        if self.find(context).is_none() {
            // What was doomed and has not been heard by now never will be.
            let speaking = |entry: &Entry| matches!(entry.kind, Kind::Speaking(_));
            if self.entries.iter().filter(|entry| speaking(entry)).count() >= SPEAKING
                && let Some(oldest) = self.entries.iter().position(speaking)
            {
                self.entries.remove(oldest);
            }
            self.push(Kind::Speaking(Box::new(Answer::new(context))));
        }
        self.find(context)
    }

    fn fill(&mut self, call: &str, text: String) -> bool {
        for entry in &mut self.entries {
            let Kind::Calls { calls, results, .. } = &mut entry.kind else { continue };
            if let Some(index) = calls.iter().position(|known| known.id == call)
                && results[index].is_none()
            {
                results[index] = Some(text);
                return true;
            }
        }
        false
    }
}

/// What a model is told when a call settles after the conversation has gone on.
fn news_of(tool: &str) -> String {
    format!("The call of {tool} has been settled meanwhile: its result stands above, where it was called.")
}

/// What a model is told when tools came and went.
fn news_of_tools(changed: &ToolsChanged) -> String {
    let sentences = [("You can now also call", &changed.added), ("You can no longer call", &changed.removed)];
    let told = sentences.into_iter().filter(|(_, names)| !names.is_empty());
    told.map(|(what, names)| format!("{what}: {}.", names.join(", "))).collect::<Vec<_>>().join(" ")
}

/// What a model is told of a settled call. An empty text says nothing, so it says that.
fn told(outcome: &ToolOutcome) -> String {
    match outcome.text().trim() {
        "" => "The call is done.".into(),
        text => text.into(),
    }
}
