//! A fake recogniser: it hears nothing, its words come from the test.

use std::time::Duration;

use async_trait::async_trait;
use voxline_core::{
    frame::{Transcription, UtteranceId},
    service::{
        ConnectionEvents, Heard, ServiceName, ServiceResult, SttCommand, SttEvent, SttIo, SttProfile,
        SttService, SttSetup,
    },
};

use super::{Act, Fake, Puppet, nothing_changed};

/// A recogniser that is a fake: it follows a script, whatever audio it is given.
#[derive(Debug)]
pub struct FakeStt {
    name: ServiceName,
    profile: SttProfile,
    events: ConnectionEvents,
    fake: Fake<SttCommand, SttEvent>,
}

impl FakeStt {
    /// A fake that answers updates with "nothing changed" and returns at the end, and the hand that plays it.
    #[must_use]
    pub fn new() -> (Self, Puppet<SttCommand, SttEvent>) {
        Self::scripted(|_| Vec::new())
    }

    /// A fake that confirms each finalize with the next of `lines`, at once; empty when there is none left.
    #[must_use]
    pub fn hearing(lines: impl IntoIterator<Item = &'static str>) -> (Self, Puppet<SttCommand, SttEvent>) {
        let mut lines = lines.into_iter().collect::<Vec<_>>().into_iter();
        Self::scripted(move |command| match command {
            SttCommand::Finalize { utterance } => {
                vec![Act::Send(Self::confirmed(lines.next().unwrap_or_default(), *utterance))]
            }
            _ => Vec::new(),
        })
    }

    /// A fake with a script of its own. Where the script has nothing for an update or the end, it does as
    /// [`new`](Self::new) says.
    #[must_use]
    pub fn scripted(
        mut script: impl FnMut(&SttCommand) -> Vec<Act<SttEvent>> + Send + 'static,
    ) -> (Self, Puppet<SttCommand, SttEvent>) {
        let name: ServiceName = "fake-stt".into();
        let service = name.clone();
        let (fake, puppet) = Fake::new(Box::new(move |command| {
            let acts = script(command);
            match command {
                SttCommand::Update { update, .. } if acts.is_empty() => {
                    vec![Act::Send(SttEvent::Answered(nothing_changed(*update, &service)))]
                }
                SttCommand::End if acts.is_empty() => vec![Act::Return(Ok(()))],
                _ => acts,
            }
        }));
        let profile = SttProfile {
            p99_latency: Duration::from_millis(300),
            final_deadline: Duration::from_secs(1),
            finalize_on_speech_end: true,
            confirms_finalize: true,
        };
        (Self { name, profile, events: ConnectionEvents::default(), fake }, puppet)
    }

    /// The same fake with another profile. By default it is asked for finals, confirms them, and has a second for it.
    #[must_use]
    pub fn with_profile(mut self, change: impl FnOnce(&mut SttProfile)) -> Self {
        change(&mut self.profile);
        self
    }

    /// An interim of these words.
    #[must_use]
    pub fn interim(text: &str) -> SttEvent {
        Self::heard(text, false, None)
    }

    /// A final of these words that confirms nothing.
    #[must_use]
    pub fn said(text: &str) -> SttEvent {
        Self::heard(text, true, None)
    }

    /// A final of these words that confirms that the utterance is complete.
    #[must_use]
    pub fn confirmed(text: &str, utterance: UtteranceId) -> SttEvent {
        Self::heard(text, true, Some(utterance))
    }

    fn heard(text: &str, is_final: bool, confirms: Option<UtteranceId>) -> SttEvent {
        let transcription = Transcription { text: text.into(), ..Transcription::default() };
        SttEvent::Heard(Box::new(Heard { transcription, is_final, confirms }))
    }
}

#[async_trait]
impl SttService for FakeStt {
    fn name(&self) -> ServiceName {
        self.name.clone()
    }

    fn profile(&self) -> SttProfile {
        self.profile
    }

    fn connection_events(&self) -> ConnectionEvents {
        self.events.clone()
    }

    async fn run(self: Box<Self>, _: SttSetup, io: SttIo) -> ServiceResult {
        self.fake.run(io).await
    }
}
