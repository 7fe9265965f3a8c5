//! How a connection comes to its end, and who brought it there.
//!
//! Who sends the first close frame ends it; a stream that stops without one was dropped. After its own
//! close frame the simulator waits [`CLOSE_TIMEOUT`] for the answer.

use std::time::Duration;

use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::log::ClosedBy;

/// How long a client may take to answer a close.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How far the end has come.
#[derive(Debug)]
pub(crate) enum Closing {
    No,
    /// A close frame is in the outbox.
    Queued,
    /// It was sent; the client has until then to answer.
    Sent {
        code: u16,
        reason: String,
        until: Duration,
    },
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) by: ClosedBy,
    pub(crate) code: Option<u16>,
    pub(crate) reason: String,
}

impl Closing {
    /// Until when the client has to answer.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        match self {
            Self::Sent { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// A close frame came: the answer to ours, or the client's own.
    pub(crate) fn end_by_close(&self, frame: Option<CloseFrame>) -> End {
        self.own_end().unwrap_or_else(|| {
            let (code, reason) = frame
                .map_or((None, String::new()), |frame| (Some(frame.code.into()), frame.reason.to_string()));
            End { by: ClosedBy::Client, code, reason }
        })
    }

    /// The stream is over: after our close frame, or by a drop.
    pub(crate) fn end_by_stream(&self, reason: &str) -> End {
        self.own_end().unwrap_or_else(|| End::dropped(reason))
    }

    fn own_end(&self) -> Option<End> {
        match self {
            Self::Sent { code, reason, .. } => {
                Some(End { by: ClosedBy::Server, code: Some(*code), reason: reason.clone() })
            }
            _ => None,
        }
    }
}

impl End {
    pub(crate) fn dropped(reason: impl Into<String>) -> Self {
        Self { by: ClosedBy::Dropped, code: None, reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sent_the_first_close_frame_ended_it() {
        assert_eq!(Closing::No.end_by_close(None).by, ClosedBy::Client);
        assert_eq!(Closing::Queued.end_by_stream("eof").by, ClosedBy::Dropped);
        let sent = Closing::Sent { code: 1008, reason: "r".to_owned(), until: CLOSE_TIMEOUT };
        let end = End { by: ClosedBy::Server, code: Some(1008), reason: "r".to_owned() };
        assert_eq!(sent.end_by_close(None), end);
        assert_eq!(sent.end_by_stream("eof"), end);
    }
}
