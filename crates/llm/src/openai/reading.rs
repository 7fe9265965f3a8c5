//! Reads one answer: waits for its events and passes on what they come to. Decides nothing.
//!
//! What is waited for has a deadline: first the first token's, then, counted anew from each piece, the stall's;
//! while the pipeline takes nothing, no time runs.

use std::{sync::Arc, time::Duration};

use eventsource_stream::{EventStreamError, Eventsource};
use futures_util::{Stream, StreamExt, stream};
use reqwest::Response;
use tokio::time::{Instant, timeout, timeout_at};
use voxline_core::service::{LlmEvent, LlmOutput};

use super::{Deadlines, LlmError, assemble::Assembler, utf8::Utf8};

/// How long the end of the body may take after `[DONE]`, so that the connection can be used again.
const AFTER_DONE: Duration = Duration::from_millis(20);

/// One attempt at an answer.
pub(super) struct Reading<'a> {
    deadlines: Deadlines,
    /// When what is waited for must have come.
    until: Option<Instant>,
    /// The model has given a sign.
    started: bool,
    /// Something has gone out that cannot be taken back.
    said: bool,
    output: &'a LlmOutput,
}

impl<'a> Reading<'a> {
    /// An attempt that must give a sign before `until`.
    pub(super) fn new(deadlines: Deadlines, until: Option<Instant>, output: &'a LlmOutput) -> Self {
        Self { deadlines, until, started: false, said: false, output }
    }

    /// Whether something has gone out that cannot be taken back.
    pub(super) fn has_said(&self) -> bool {
        self.said
    }

    /// Waits, but not for ever.
    pub(super) async fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T, LlmError> {
        let Some(until) = self.until else { return Ok(future.await) };
        let Deadlines { first_token, stall, .. } = self.deadlines;
        timeout_at(until, future).await.map_err(|_| match self.started {
            false => LlmError::Silent { after: first_token },
            true => LlmError::Stalled { after: stall },
        })
    }

    /// Reads a stream to its end.
    pub(super) async fn read<B: AsRef<[u8]>>(
        &mut self,
        body: impl Stream<Item = Result<B, reqwest::Error>>,
        limit: usize,
    ) -> Result<(), LlmError> {
        let mut utf8 = Utf8::new(limit);
        let text = body.map(move |bytes| match bytes {
            Ok(bytes) => utf8.push(bytes.as_ref()),
            Err(error) => Err(LlmError::CutShort(Some(Arc::new(error.without_url())))),
        });
        // Two line ends after the last byte: the parser would forget an event that is not followed by them.
        let text = text.chain(stream::iter([Ok("\n\n".to_owned())]));
        let mut events = Box::pin(text.eventsource());
        let mut answer = Assembler::default();
        loop {
            let event = match self.wait(events.next()).await {
                Ok(Some(event)) => event,
                Ok(None) => break,
                // The answer is complete; only the formalities are missing.
                Err(_) if answer.is_finished() => break,
                Err(error) => return Err(error),
            };
            let event = match event {
                Ok(event) => event,
                // So it is when the connection is lost after the answer.
                Err(EventStreamError::Transport(LlmError::CutShort(_))) if answer.is_finished() => break,
                Err(EventStreamError::Transport(error)) => return Err(error),
                Err(_) => {
                    let got = "something else".into();
                    return Err(LlmError::Protocol { expected: "server-sent events", got });
                }
            };
            let told = answer.handle_event(&event.event, &event.data)?;
            self.tell(told).await;
            if answer.is_done() {
                break;
            }
            if answer.is_finished() {
                self.until = deadline(self.deadlines.finish);
            }
        }
        if answer.is_done() {
            // The answer has ended whether or not the body has; this is for the connection only.
            let _ = timeout(AFTER_DONE, events.next()).await;
        }
        let rest = answer.finish()?;
        self.tell(rest).await;
        Ok(())
    }

    /// Takes an answer that came in one piece.
    pub(super) async fn take_whole(&mut self, body: &str) -> Result<(), LlmError> {
        let mut answer = Assembler::default();
        let told = answer.handle_event("message", body)?;
        let rest = answer.finish()?;
        self.tell(told).await;
        self.tell(rest).await;
        Ok(())
    }

    async fn tell(&mut self, events: Vec<LlmEvent>) {
        if events.is_empty() {
            return;
        }
        for event in events {
            self.said |= matches!(event, LlmEvent::Text(_) | LlmEvent::Call(_));
            self.output.send(event).await;
        }
        self.started = true;
        self.until = deadline(self.deadlines.stall);
    }
}

/// The beginning of a body, as text.
pub(super) async fn read_start(response: Response, limit: usize) -> Result<String, LlmError> {
    let mut body = Vec::new();
    let mut bytes = response.bytes_stream();
    while let Some(piece) = bytes.next().await {
        let piece = piece.map_err(|error| LlmError::CutShort(Some(Arc::new(error.without_url()))))?;
        let room = limit.saturating_sub(body.len());
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if body.len() >= limit {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// So much later; none for a time that cannot be said.
pub(super) fn deadline(after: Duration) -> Option<Instant> {
    Instant::now().checked_add(after)
}
