//! The conversation: what was said, as both sides heard it.
//!
//! A [`Conversation`] is shared by the two aggregators and by whoever wants to read, save or change it. The user's
//! aggregator adds what the user said, the assistant's what of each answer was *heard*, and the calls of tools
//! with their results.
//!
//! - `answer`: what of an answer was heard; pure.
//! - `entry`: one step of it, and how it reads; pure.
//! - `history`: the messages and what keeps them true; pure.
//! - `limits`: trimming and summaries; pure.

mod answer;
mod entry;
mod history;
mod limits;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use voxline_core::{
    frame::{
        BotSpeech, ChatMessage, ContextId, LlmRequest, SpokenText, SpokenWord, ToolCall, ToolResult, ToolSpec,
    },
    service::ToolsChanged,
};

use crate::{AssistantAggregator, TurnConfig, UserAggregator};
pub(crate) use history::{Committed, Settled};
use history::{History, Marks};
pub(crate) use limits::ToSummarise;
pub use limits::{Limits, SummaryConfig};

/// A conversation that can be saved: a value for serde.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedConversation {
    /// The messages. Calls of tools come with their results.
    pub messages: Vec<ChatMessage>,
}

/// What was said, shared: a clone is the same conversation.
#[derive(Clone)]
pub struct Conversation {
    // Two stages that may run on different tasks write to it, and applications read it: a lock is the registry
    // they meet at. It is held for a few lines without waiting, never across a call to anybody else.
    history: Arc<Mutex<History>>,
}

impl Conversation {
    /// A conversation that begins with these instructions to the model. Empty instructions are none.
    pub fn new(system: impl Into<String>) -> Self {
        let system = system.into();
        let messages = (!system.is_empty()).then_some(ChatMessage::System { text: system });
        Self::from(SavedConversation { messages: messages.into_iter().collect() })
    }

    /// The two stages that keep it: the user's stands after speech-to-text, the assistant's after the output.
    #[must_use]
    pub fn aggregators(&self, config: TurnConfig) -> (UserAggregator, AssistantAggregator) {
        {
            let mut history = self.lock();
            history.cut_note.clone_from(&config.cut_note);
            history.tell_tools = config.tell_tools;
        }
        let assistant = AssistantAggregator::new(self.clone(), &config);
        (UserAggregator::new(self.clone(), config), assistant)
    }

    /// The messages. An answer that is being spoken is in it once its playback is over.
    #[must_use]
    pub fn messages(&self) -> Vec<ChatMessage> {
        self.lock().messages()
    }

    /// The same as a value that can be saved.
    #[must_use]
    pub fn snapshot(&self) -> SavedConversation {
        SavedConversation { messages: self.messages() }
    }

    /// Adds a message at the end. Nobody answers it by itself: queue an [`AnswerNow`](crate::AnswerNow) for that.
    pub fn add(&self, message: ChatMessage) {
        self.lock().add(message);
    }

    /// Puts other messages in the place of all. An answer that is being spoken still comes after them.
    pub fn replace(&self, messages: impl IntoIterator<Item = ChatMessage>) {
        self.lock().load(messages);
    }

    /// Changes the instructions at the beginning; what follows stays. Empty instructions are none.
    pub fn set_instructions(&self, system: impl Into<String>) {
        self.lock().instruct(system.into());
    }

    /// The tools the model may call, beside those its stage knows.
    pub fn set_tools(&self, tools: impl Into<Arc<[ToolSpec]>>) {
        let (tools, mut history) = (tools.into(), self.lock());
        let before = std::mem::replace(&mut history.tools, tools);
        let changed = ToolsChanged::between(&before, &history.tools);
        history.tools_changed(&changed);
    }

    /// The tools of the model's stage have changed.
    pub(crate) fn tools_changed(&self, changed: &ToolsChanged) {
        self.lock().tools_changed(changed);
    }

    /// What a model is asked now.
    #[must_use]
    pub fn request(&self) -> LlmRequest {
        let history = self.lock();
        LlmRequest { messages: history.request().into(), tools: history.tools.clone() }
    }

    /// Calls of tools that are not settled.
    #[must_use]
    pub fn running_tools(&self) -> usize {
        self.lock().running()
    }

    pub(crate) fn add_user(&self, said: &str, limits: &Limits) -> ChatMessage {
        let mut history = self.lock();
        let message = history.add_user(said);
        history.trim(limits);
        message
    }

    pub(crate) fn speak(&self, spoken: &SpokenText) {
        self.lock().speak(spoken);
    }

    pub(crate) fn word(&self, word: &SpokenWord) {
        self.lock().word(word);
    }

    pub(crate) fn started(&self, context: ContextId) {
        self.lock().started(context);
    }

    pub(crate) fn interrupt(&self) {
        self.lock().interrupt();
    }

    /// Whoever hears first that the playback of an answer is over settles it.
    pub(crate) fn settle(&self, speech: &BotSpeech) -> Option<Committed> {
        self.lock().settle(speech)
    }

    pub(crate) fn calls(&self, calls: &[ToolCall]) {
        self.lock().calls(calls);
    }

    pub(crate) fn settle_call(&self, result: &ToolResult) -> Settled {
        self.lock().settle_call(result)
    }

    pub(crate) fn trim(&self, limits: &Limits) {
        self.lock().trim(limits);
    }

    /// From now on requests tell of markers, and show `complete` before the model's own answers.
    pub(crate) fn mark(&self, complete: char, instructions: &str) {
        self.lock().marks = Some(Marks { complete, instructions: instructions.into() });
    }

    /// Whether the user, or a tool, had the last word.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.lock().is_unanswered()
    }

    /// Notes that an answer is wanted as soon as it is the bot's turn.
    pub(crate) fn want_answer(&self) {
        self.lock().wanted = true;
    }

    pub(crate) fn take_wanted(&self) -> bool {
        std::mem::take(&mut self.lock().wanted)
    }

    pub(crate) fn to_summarise(&self, config: &SummaryConfig) -> Option<ToSummarise> {
        self.lock().to_summarise(config)
    }

    pub(crate) fn summarised(&self, job: &ToSummarise, summary: &str) -> bool {
        self.lock().summarised(job, summary)
    }

    fn lock(&self) -> MutexGuard<'_, History> {
        // Nothing panics while it is held halfway through a change.
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<SavedConversation> for Conversation {
    fn from(saved: SavedConversation) -> Self {
        let mut history = History::default();
        history.load(saved.messages);
        Self { history: Arc::new(Mutex::new(history)) }
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conversation({} messages)", self.messages().len())
    }
}
