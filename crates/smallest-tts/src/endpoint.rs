//! Which socket of the service is spoken to, and in which of the ways it knows text is given to it.
//!
//! Both decide what settings can be sent and what a message looks like.

/// Which of the service's sockets is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `tts/live`: the current one; the model is in each message.
    Live,
    /// `lightning-v3.1/get_speech/stream`: superseded; the model is in the address.
    V31,
    /// `lightning-v2/get_speech/stream`: retired by the vendor, still served by some deployments.
    V2,
}

/// How text becomes requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TextMode {
    /// One request for each sentence the pipeline gives: a single message, spoken at once. The default: it
    /// has the earliest audio, and a lost connection costs one sentence at most.
    #[default]
    Sentences,
    /// Text as the model writes it, as `continue` messages; the end of the answer is flushed. The
    /// service releases what it holds after `max_buffer_flush_ms`
    /// ([`STREAM_FLUSH_MS`](crate::settings::STREAM_FLUSH_MS) unless set).
    Stream,
    /// Text as the model writes it, in one `context_id` for each answer (`tts/live` only; public clients of
    /// autumn 2026 use it, no document has it). The service finds the sentences.
    Contexts,
}
