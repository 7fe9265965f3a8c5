//! Tools: what a language model may call, untyped.
//!
//! A [`Tool`] says what it is ([`ToolSpec`]) and how it is run ([`ToolPolicy`]), and is called with the
//! arguments as the model wrote them. Typed functions, with a schema derived from their argument, are made
//! into tools by `voxline-llm`. [`Tools`] is the list a stage is given:
//!
//! 1. Every call has a deadline; none can be switched off.
//! 2. What a tool's error says goes upstream as an error frame and never to the model, which is told a fixed
//!    phrase ([`ToolOutcome::text`](crate::frame::ToolOutcome::text)).
//! 3. Names are checked when the stage starts: `[A-Za-z0-9_-]`, 1 to 64 of them, each once.
//! 4. The list can be replaced in mid-call, by [`LlmDelta::tools`](super::LlmDelta::tools): calls that run go on, and what
//!    came and went is told by [`ToolsChanged`].
//!
//! Read next: `llm_stage.rs`, which runs them.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{
    custom::CustomFrame,
    frame::{ToolCall, ToolOutcome, ToolSpec},
};

/// The longest name a tool may have, in bytes.
const LONGEST_NAME: usize = 64;

/// Something a language model may call.
#[async_trait]
pub trait Tool: Send + Sync + 'static {
    /// What the model is told of it.
    fn spec(&self) -> ToolSpec;

    /// How its calls are run.
    fn policy(&self) -> ToolPolicy {
        ToolPolicy::default()
    }

    /// Runs one call and gives the result, as text for the model. The future is dropped at the deadline,
    /// and at an interruption unless the policy says otherwise: between two awaits the world must be sound.
    ///
    /// # Errors
    /// When there is no result.
    async fn call(&self, call: ToolCall) -> Result<String, ToolError>;
}

/// How the calls of one tool are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolPolicy {
    /// How long a call may take, from its start; at most a day. 10 s.
    pub deadline: Duration,
    /// What an interruption of the answer does to it.
    pub at_interruption: AtInterruption,
}

impl Default for ToolPolicy {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(10), at_interruption: AtInterruption::default() }
    }
}

/// What an interruption does to a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AtInterruption {
    /// It is cancelled: not started, or dropped where it waits. Right for whatever only looks something up.
    #[default]
    Cancel,
    /// It goes on, and is started if it has not been: right for what must not be done by half.
    GoOn,
}

/// How the calls of one answer follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ToolOrder {
    /// All at once.
    #[default]
    Parallel,
    /// One after the other, as the model wrote them.
    Sequential,
}

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// The arguments are not what the tool takes.
    #[error("got arguments it does not take: {reason}")]
    BadArguments {
        /// What is wrong with them, without their content.
        reason: Cow<'static, str>,
    },
    /// The tool failed.
    #[error("failed")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
    /// The tool panicked.
    #[error("panicked: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// There is no such tool.
    #[error("does not exist")]
    Unknown,
    /// It took too long.
    #[error("did not finish within {after:?}")]
    TimedOut {
        /// Its deadline.
        after: Duration,
    },
    /// The answer has more calls than are run.
    #[error("was one of more than {limit} calls of one answer")]
    TooMany {
        /// The bound.
        limit: usize,
    },
}

impl ToolError {
    /// A failure of the tool's own.
    pub fn failed(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }

    /// How a call that ended so is settled.
    #[must_use]
    pub fn outcome(&self) -> ToolOutcome {
        match self {
            Self::BadArguments { .. } => ToolOutcome::BadArguments,
            Self::Unknown => ToolOutcome::Unknown,
            Self::TimedOut { .. } => ToolOutcome::TimedOut,
            Self::Failed(_) | Self::Panicked { .. } | Self::TooMany { .. } => ToolOutcome::Failed,
        }
    }
}

/// A call that gave no result, as it is reported upstream.
#[derive(Debug, thiserror::Error)]
#[error("the tool {tool} {source}")]
pub struct ToolFailure {
    /// The tool, as the model named it.
    pub tool: String,
    /// Why.
    #[source]
    pub source: ToolError,
}

/// The tools of a stage. Cloning shares them.
#[derive(Clone, Default)]
#[must_use]
pub struct Tools {
    tools: Vec<(ToolSpec, Arc<dyn Tool>)>,
    order: ToolOrder,
}

impl Tools {
    /// No tools; calls run in parallel.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more tool.
    pub fn with(mut self, tool: impl Tool) -> Self {
        self.tools.push((tool.spec(), Arc::new(tool)));
        self
    }

    /// With the calls of an answer following each other like this.
    pub fn with_order(mut self, order: ToolOrder) -> Self {
        self.order = order;
        self
    }

    /// What the model is told of them, in the order they were added.
    #[must_use]
    pub fn specs(&self) -> Arc<[ToolSpec]> {
        self.tools.iter().map(|(spec, _)| spec.clone()).collect()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// Whether every name can be used.
    ///
    /// # Errors
    /// What is wrong with the first that cannot.
    pub fn check(&self) -> Result<(), crate::Error> {
        let unusable = |what: String| Err(crate::Error::Unusable { what });
        for (index, (spec, _)) in self.tools.iter().enumerate() {
            let name = &*spec.name;
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_name) {
                return unusable(format!(
                    "the tool name {name:?} is not 1 to {LONGEST_NAME} of letters, digits, _ and -"
                ));
            }
            if self.tools[..index].iter().any(|(earlier, _)| earlier.name == spec.name) {
                return unusable(format!("two tools are named {name}"));
            }
        }
        Ok(())
    }

    /// What came and went from these tools to `others`, by name.
    #[must_use]
    pub fn changes_to(&self, others: &Self) -> ToolsChanged {
        ToolsChanged::between(&self.specs(), &others.specs())
    }

    /// Their names, for people; none if there are no tools.
    pub(super) fn names(&self) -> Option<String> {
        let names: Vec<_> = self.tools.iter().map(|(spec, _)| &*spec.name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    pub(super) fn order(&self) -> ToolOrder {
        self.order
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<dyn Tool>> {
        self.tools.iter().find(|(spec, _)| &*spec.name == name).map(|(_, tool)| tool.clone())
    }
}

/// Which tools a model may call has changed. Travels both ways from the stage that runs them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolsChanged {
    /// Names that are new, sorted.
    pub added: Vec<Arc<str>>,
    /// Names that are gone, sorted.
    pub removed: Vec<Arc<str>>,
}

impl ToolsChanged {
    /// What came and went, by name: a tool that is described otherwise has neither come nor gone.
    #[must_use]
    pub fn between(before: &[ToolSpec], after: &[ToolSpec]) -> Self {
        let beyond = |these: &[ToolSpec], those: &[ToolSpec]| {
            let is_new = |spec: &&ToolSpec| those.iter().all(|other| other.name != spec.name);
            let mut names: Vec<_> = these.iter().filter(is_new).map(|spec| spec.name.clone()).collect();
            names.sort();
            names.dedup();
            names
        };
        Self { added: beyond(after, before), removed: beyond(before, after) }
    }

    /// Whether nothing came or went.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

impl CustomFrame for ToolsChanged {
    fn survives_interruption(&self) -> bool {
        true
    }
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.tools.iter().map(|(spec, _)| &spec.name);
        f.debug_tuple("Tools").field(&self.order).field(&names.collect::<Vec<_>>()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Named(&'static str);

    #[async_trait]
    impl Tool for Named {
        fn spec(&self) -> ToolSpec {
            ToolSpec { name: self.0.into(), description: "".into(), parameters: "{}".into() }
        }

        async fn call(&self, _: ToolCall) -> Result<String, ToolError> {
            Ok(String::new())
        }
    }

    #[test]
    fn names_the_endpoints_would_refuse_are_refused_first() {
        let long = "x".repeat(65).leak();
        for bad in ["", "two words", "naïve", long] {
            assert!(Tools::new().with(Named(bad)).check().is_err(), "{bad:?} was taken");
        }
        assert!(Tools::new().with(Named("a")).with(Named("a")).check().is_err());
        assert!(Tools::new().with(Named("time_in")).with(Named("Time-2")).check().is_ok());
    }
}
