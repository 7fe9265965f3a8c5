//! The WebSocket client driver.
mod error;
mod session;

pub use error::{CloseReason, ConnectError};
pub use session::{ConnectionId, Deadline, Happened, Message, Request, Session, Transmit};
