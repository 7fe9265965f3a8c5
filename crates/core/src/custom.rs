//! Frames of the application's own.

use std::{any::Any, fmt};

/// A payload an application adds. It has the same powers as the built-in ones.
///
/// Processors find it again with `downcast_ref`. It must be a plain value:
/// no handle, lock or task.
pub trait CustomFrame: Any + fmt::Debug + Send + Sync {
    /// A name for logs.
    fn name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }

    /// Whether it goes on after an interruption.
    fn survives_interruption(&self) -> bool {
        false
    }

    /// Whether it travels on the signal lane and overtakes data.
    fn is_signal(&self) -> bool {
        false
    }
}

impl dyn CustomFrame {
    /// The frame as its own type, if it is of that type.
    #[must_use]
    pub fn downcast_ref<T: CustomFrame>(&self) -> Option<&T> {
        (self as &dyn Any).downcast_ref()
    }
}
