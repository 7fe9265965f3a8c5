//! Frames, processors and pipelines: the centre of Voxline.

mod custom;
pub mod error;
pub mod frame;
mod panic;
pub mod service;

pub use custom::CustomFrame;
pub use error::{Error, ErrorCategory, ServiceError};
