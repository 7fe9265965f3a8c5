//! A fake synthesizer: its audio is a constant, its words are the text's.

use std::time::Duration;

use async_trait::async_trait;
use voxline_audio::{Pcm, SampleRate};
use voxline_core::{
    frame::{ContextId, RequestId},
    service::{
        ConnectionEvents, ServiceName, ServiceResult, TtsCommand, TtsEvent, TtsIo, TtsProfile, TtsService,
        TtsSetup,
    },
};

use super::{Act, Fake, Puppet, nothing_changed};

/// A synthesizer that is a fake: it follows a script and speaks no word.
#[derive(Debug)]
pub struct FakeTts {
    name: ServiceName,
    profile: TtsProfile,
    events: ConnectionEvents,
    fake: Fake<TtsCommand, TtsEvent>,
}

impl FakeTts {
    /// A fake that does nothing unasked, answers updates with "nothing changed" and returns at the end; and the
    /// hand that plays it.
    #[must_use]
    pub fn new() -> (Self, Puppet<TtsCommand, TtsEvent>) {
        Self::scripted(|_| Vec::new())
    }

    /// A fake that gives 100 ms of audio for each text, `pause` after the text or the audio before, and ends an
    /// answer when all its text was given.
    #[must_use]
    pub fn speaking(pause: Duration) -> (Self, Puppet<TtsCommand, TtsEvent>) {
        Self::scripted(move |command| match command {
            TtsCommand::Speak { context, .. } => {
                vec![Act::Wait(pause), Act::Send(Self::audio(*context, 100))]
            }
            TtsCommand::Finish { context } => vec![Act::Send(TtsEvent::Finished { context: *context })],
            TtsCommand::Interrupt { .. } => vec![Act::Forget],
            _ => Vec::new(),
        })
    }

    /// A fake with a script of its own. Where the script has nothing for an update or the end, it does as
    /// [`new`](Self::new) says.
    #[must_use]
    pub fn scripted(
        mut script: impl FnMut(&TtsCommand) -> Vec<Act<TtsEvent>> + Send + 'static,
    ) -> (Self, Puppet<TtsCommand, TtsEvent>) {
        let name: ServiceName = "fake-tts".into();
        let service = name.clone();
        let (fake, puppet) = Fake::new(Box::new(move |command| {
            let acts = script(command);
            match command {
                TtsCommand::Update { update, .. } if acts.is_empty() => {
                    vec![Act::Send(TtsEvent::Answered(nothing_changed(*update, &service)))]
                }
                TtsCommand::End if acts.is_empty() => vec![Act::Return(Ok(()))],
                _ => acts,
            }
        }));
        let profile = TtsProfile { streams_text: true, first_audio_deadline: Duration::from_secs(3) };
        (Self { name, profile, events: ConnectionEvents::default(), fake }, puppet)
    }

    /// The same fake with another profile. By default it takes text as it is written and has 3 s for its first audio.
    #[must_use]
    pub fn with_profile(mut self, change: impl FnOnce(&mut TtsProfile)) -> Self {
        change(&mut self.profile);
        self
    }

    /// So many milliseconds of constant audio of an answer, at 24 kHz.
    #[must_use]
    pub fn audio(context: ContextId, milliseconds: u64) -> TtsEvent {
        let rate = SampleRate::HZ_24000;
        let samples = rate.samples_in(Duration::from_millis(milliseconds));
        let pcm = Pcm::mono(vec![1; usize::try_from(samples).unwrap_or(usize::MAX)], rate);
        TtsEvent::Audio { context, request: RequestId(context.0), pcm }
    }

    /// A word of an answer, spoken from `start` to `end` milliseconds.
    #[must_use]
    pub fn word(context: ContextId, text: &str, start: u64, end: u64) -> TtsEvent {
        let (start, end) = (Duration::from_millis(start), Duration::from_millis(end));
        TtsEvent::Word { context, request: RequestId(context.0), text: text.into(), start, end }
    }
}

#[async_trait]
impl TtsService for FakeTts {
    fn name(&self) -> ServiceName {
        self.name.clone()
    }

    fn profile(&self) -> TtsProfile {
        self.profile
    }

    fn connection_events(&self) -> ConnectionEvents {
        self.events.clone()
    }

    async fn run(self: Box<Self>, _: TtsSetup, io: TtsIo) -> ServiceResult {
        self.fake.run(io).await
    }
}
