//! Who has the floor: what turns transcriptions into answers, and measures how long it takes.
//!
//! - [`Utterances`]: joins the finals of one utterance into what was said. Pure.
//! - [`Parrot`]: answers every utterance by repeating it; stands where a language model would.
//! - [`MeasureLatency`]: the time from the end of the user's speech to the first audio of the answer.

mod latency;
mod parrot;
mod utterances;

pub use latency::MeasureLatency;
pub use parrot::Parrot;
pub use utterances::Utterances;
