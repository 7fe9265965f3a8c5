//! Text-to-speech: requests in, audio in the simulator's own voice out.
//!
//! [`TtsState`] decides; it is pure. `request.rs` reads and checks a request, `buffer.rs` holds text that
//! is to be continued, `synthesis.rs` makes paced chunks and word times of released text, `message.rs`
//! writes what each endpoint answers. Read next: `state.rs`.

mod buffer;
mod encode;
mod message;
mod request;
mod state;
mod synthesis;

pub use state::TtsState;
