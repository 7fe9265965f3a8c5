//! Who has the floor: turns of the user, interruptions of the bot, and a conversation that holds what was heard.
//!
//! ```
//! use voxline_turns::{Conversation, TurnConfig};
//!
//! let conversation = Conversation::new("You are brief and kind.");
//! let (user, assistant) = conversation.aggregators(TurnConfig::default());
//! // input · detector · speech-to-text · user · model · text-to-speech · output · assistant
//! ```
//!
//! - [`Conversation`]: the messages, shared; saved and loaded with serde, trimmed, summarised.
//! - [`UserAggregator`], [`AssistantAggregator`]: the two stages that keep it. Thin; what decides is
//!   - [`Turns`] in `floor`: `(now, input) → steps`, with "who owes the next move" as the state [`Floor`];
//!   - `conversation`: what of an answer was heard, and messages that stay well-formed.
//! - `start`, `stop`, `mute`, `by_service`: the strategies, a small file each; [`Backchannels`] and [`Idle`].
//! - `frames`: what the stages tell, and [`TurnUpdate`], which changes them in mid-call.
//! - [`HeedMarkers`]: the model says itself whether the user had finished.
//! - [`Parrot`], [`Utterances`], [`MeasureLatency`]: turns without a conversation, for trying things out.
//!
//! Read next: `docs/turns.md`.

mod assistant;
mod backchannel;
mod by_service;
mod config;
mod conversation;
mod floor;
mod frames;
mod idle;
mod judging;
mod latency;
mod markers;
mod mute;
mod parrot;
mod start;
mod stop;
mod summary;
mod turn_span;
mod user;
mod utterances;
mod words;

pub use assistant::AssistantAggregator;
pub use backchannel::{Acknowledges, Backchannels};
pub use by_service::{ByService, UnlessByService};
pub use config::{CommitBy, TurnConfig};
pub use conversation::{Conversation, Limits, SavedConversation, SummaryConfig};
pub use floor::{Bot, Cue, Deadlines, Floor, Input, Scene, Step, Turns};
pub use frames::{AnswerNow, BotProgress, MessageAdded, TurnUpdate, UserIdle, UserMuted};
pub use idle::{Idle, IdleAction, IdleStep};
pub use latency::MeasureLatency;
pub use markers::{Completeness, HeedMarkers, MarkerConfig};
pub use mute::{DuringTools, MuteUser, MuteWhen, UntilFirstBotTurn, WhileBotSpeaks};
pub use parrot::Parrot;
pub use start::{MinWords, Start, StartTurn, Transcript, Voice, WakePhrase};
pub use stop::{Confirmed, EndOfTurn, Heard, Model, Question, QuestionId, Silence, Stop, StopTurn};
pub use summary::{Summarise, Summary};
pub use user::UserAggregator;
pub use utterances::Utterances;
pub use words::count_words;
