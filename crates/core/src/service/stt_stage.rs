//! The stage around any speech-to-text service.
//!
//! | frame | what happens |
//! |---|---|
//! | `InputAudio`, `InputEncoded` | given to the service, and passed on |
//! | `SpeechStarted`, `SpeechStopped` of the VAD | begin and complete an utterance; the latter asks for its final; passed on |
//! | `SttUpdateSettings` | applied and answered with `SettingsAnswered`, both ways; passed on if it aims at others too |
//! | `SttMute` | taken; while muted the service hears nothing |
//! | out: `InterimTranscription`, `Transcription` | bound to their utterance |
//! | out: `Custom(ServiceTurn)` | what a service that decides turns itself says of them |
//! | out: `Metrics` | end of speech to final, usage, drops |
//!
//! Promises: 1. the final question follows the last sample it covers; 2. every completed utterance is settled: by
//! a final the service confirms, or at the deadline by its last interim, marked `fallback`; 3. words that
//! come after that are dropped and counted, and never end the next turn; words after its audio that the
//! detector did not notice pass as an utterance of their own, `utt-0`; 4. live audio the service does not
//! take is kept up to [`LIVE_BACKLOG`], then the oldest is dropped and counted; other audio waits.

use std::{sync::Arc, time::Duration};

use super::{
    Heard, ServiceName, ServiceTurn, SttAudio, SttCommand, SttEvent, SttProfile, SttService, SttSetup,
    host::{self, FromService, Hosted, Parting},
    updates::Updates,
    utterances::{Place, Settled, Stopped, Utterances},
};
use crate::{
    Event, Processor,
    frame::{
        EdgeSource, EncodedAudio, Frame, Interrupt, Metric, Payload, SpeechEdge, Transcription, Usage,
        UtteranceId,
    },
    pipeline::Context,
    processor::{Ending, Result, Timer, after},
};

/// Live audio kept for a service that does not take it, before the oldest is dropped.
pub const LIVE_BACKLOG: Duration = Duration::from_secs(30);
/// Other audio kept before the input is held.
const HELD_BACKLOG: Duration = Duration::from_secs(2);
/// How long the service may take between two signs of life at the end.
const END_DEADLINE: Duration = Duration::from_secs(7);

const FINAL: Timer = Timer(0);
const ANSWER: Timer = Timer(1);

/// The stage around a speech-to-text service. Made by the pipeline builder.
#[derive(Debug)]
pub struct SttStage<S> {
    service: Option<Box<S>>,
    name: ServiceName,
    profile: SttProfile,
    hosted: Option<Hosted<SttCommand>>,
    updates: Updates,
    muted: bool,
    /// Where the next sample stands, when frames carry no time of their own.
    position: Duration,
    sent: Duration,
    utterances: Utterances,
    parting: Parting,
}

impl<S: SttService> SttStage<S> {
    /// The stage around `service`.
    pub fn new(service: S) -> Self {
        let (name, profile) = (service.name(), service.profile());
        Self {
            service: Some(Box::new(service)),
            name,
            profile,
            hosted: None,
            updates: Updates::new(ANSWER),
            muted: false,
            position: Duration::ZERO,
            sent: Duration::ZERO,
            utterances: Utterances::default(),
            parting: Parting::default(),
        }
    }

    fn send(&mut self, command: SttCommand, ctx: &mut Context<'_>) {
        if let Some(hosted) = &mut self.hosted {
            hosted.send(command, ctx);
        }
    }

    fn hear(
        &mut self,
        audio: SttAudio,
        duration: Duration,
        pts: Option<Duration>,
        live: bool,
        ctx: &mut Context<'_>,
    ) {
        let at = pts.unwrap_or(self.position);
        self.position = at + duration;
        if self.muted || duration.is_zero() {
            return;
        }
        self.sent += duration;
        self.send(SttCommand::Audio { audio, at }, ctx);
        self.bound_backlog(live, ctx);
    }

    /// Keeps the backlog bounded: live audio by dropping the oldest, other audio by holding the input.
    fn bound_backlog(&mut self, live: bool, ctx: &mut Context<'_>) {
        let Some(hosted) = &mut self.hosted else { return };
        let backlog = hosted.backlog();
        let waiting: Duration = backlog.iter().map(audio_duration).sum();
        if !live {
            if waiting > HELD_BACKLOG {
                ctx.hold_input();
            }
            return;
        }
        let mut excess = waiting.saturating_sub(LIVE_BACKLOG);
        let mut frames = 0;
        while !excess.is_zero()
            && let Some(oldest) =
                backlog.iter().position(|command| matches!(command, SttCommand::Audio { .. }))
        {
            excess = excess.saturating_sub(backlog.remove(oldest).as_ref().map_or(excess, audio_duration));
            frames += 1;
        }
        if frames > 0 {
            ctx.measure(Metric::Dropped { stage: ctx.stage(), frames });
        }
    }

    fn speech_started(&mut self, edge: &SpeechEdge, ctx: &mut Context<'_>) {
        let utterance = self.utterances.begin(edge, self.muted);
        if !self.muted {
            self.send(SttCommand::SpeechStarted { utterance }, ctx);
        }
    }

    fn speech_stopped(&mut self, edge: &SpeechEdge, ctx: &mut Context<'_>) {
        let known = ctx.now();
        let due = after(known, self.profile.final_deadline);
        let Some(utterance) = self.utterances.complete(edge, known, due) else { return };
        if self.profile.finalize_on_speech_end {
            self.send(SttCommand::Finalize { utterance }, ctx);
        }
        self.arm(ctx);
    }

    fn mute(&mut self, muted: bool, ctx: &mut Context<'_>) {
        self.muted = muted;
        if !muted && let Some(utterance) = self.utterances.unmute() {
            self.send(SttCommand::SpeechStarted { utterance }, ctx);
        }
    }

    /// Sets the timer for the earliest final that is waited for.
    fn arm(&mut self, ctx: &mut Context<'_>) {
        match self.utterances.next_due() {
            Some(due) => ctx.set_timer(FINAL, due),
            None => ctx.cancel_timer(FINAL),
        }
    }

    fn heard(&mut self, heard: Heard, ctx: &mut Context<'_>) {
        let Heard { mut transcription, is_final, confirms } = heard;
        let utterance = match self.utterances.place(&transcription, confirms) {
            Place::Of(utterance) => Some(utterance),
            Place::Unnoticed => None,
            Place::Late => {
                if !transcription.text.is_empty() && is_final {
                    ctx.measure(Metric::Dropped { stage: ctx.stage(), frames: 1 });
                }
                return;
            }
        };
        transcription.utterance = utterance.as_ref().map_or(UtteranceId(0), |utterance| utterance.id);
        if !is_final {
            if !transcription.text.is_empty() {
                if let Some(utterance) = utterance {
                    utterance.interim = Some(transcription.clone());
                }
                ctx.push_down(Payload::InterimTranscription(Box::new(transcription)));
            }
            return;
        }
        if let Some(utterance) = utterance {
            let interim = utterance.interim.take();
            let by_order = !self.profile.confirms_finalize && utterance.stopped.is_some();
            transcription.confirmed = confirms.is_some() || by_order;
            if transcription.confirmed {
                utterance.settle(Settled::Confirmed);
                let (id, stopped) = (utterance.id, utterance.stopped);
                if transcription.text.is_empty()
                    && let Some(interim) = interim
                {
                    // Complete, but the words of the last interim never came as final: they are not lost.
                    transcription = Transcription { fallback: true, ..interim };
                }
                self.settled(id, stopped, true, ctx);
            }
        }
        if transcription.confirmed || !transcription.text.is_empty() {
            ctx.push_down(Payload::Transcription(Arc::new(transcription)));
        }
    }

    /// Measures how long a final took, and what was used until then.
    fn settled(&mut self, id: UtteranceId, stopped: Option<Stopped>, confirmed: bool, ctx: &mut Context<'_>) {
        self.arm(ctx);
        if let Some(stopped) = stopped {
            let service = ctx.now().saturating_duration_since(stopped.known);
            let (stage, value) = (ctx.stage(), service + stopped.window);
            ctx.measure(Metric::SpeechEndToFinal { stage, utterance: id, value, service, confirmed });
        }
        self.report_usage(ctx);
    }

    fn report_usage(&mut self, ctx: &mut Context<'_>) {
        let usage = Usage { audio: std::mem::take(&mut self.sent), ..Usage::default() };
        ctx.measure(Metric::Usage { stage: ctx.stage(), usage });
    }

    /// Offers the last interim of each utterance whose final is overdue; at the end, of each that is not settled.
    fn give_up_finals(&mut self, at_the_end: bool, ctx: &mut Context<'_>) {
        let now = ctx.now();
        loop {
            let given_up =
                if at_the_end { self.utterances.outstanding() } else { self.utterances.overdue(now) };
            let Some(utterance) = given_up else { break };
            let (id, stopped) = (utterance.id, utterance.stopped);
            let interim = utterance.interim.take().unwrap_or_default();
            utterance.settle(Settled::GivenUp);
            self.settled(id, stopped, false, ctx);
            let transcription = Transcription { utterance: id, fallback: true, ..interim };
            ctx.push_down(Payload::Transcription(Arc::new(transcription)));
        }
        self.arm(ctx);
    }

    fn told(&mut self, event: SttEvent, ctx: &mut Context<'_>) {
        match event {
            SttEvent::Connection(event) => {
                if let Some(hosted) = &mut self.hosted {
                    hosted.handle(event, ctx);
                }
            }
            SttEvent::Heard(heard) => self.heard(*heard, ctx),
            SttEvent::SpeechStarted(edge) => ctx.push_down(Payload::SpeechStarted(Box::new(edge))),
            SttEvent::SpeechStopped(edge) => ctx.push_down(Payload::SpeechStopped(Box::new(edge))),
            SttEvent::Turn(turn) => ctx.push_down(Frame::custom(turn)),
            SttEvent::Answered(answer) => self.updates.answered(answer, ctx),
            SttEvent::Failed(error) => ctx.report(error),
            SttEvent::Dropped { .. } => ctx.measure(Metric::Dropped { stage: ctx.stage(), frames: 1 }),
        }
    }

    fn finished(&mut self, outcome: super::ServiceResult, ctx: &mut Context<'_>) {
        if let Some(hosted) = self.hosted.take() {
            hosted.close();
        }
        self.updates.refuse_all(&self.name, ctx);
        ctx.release_input();
        // Nothing more comes for what is outstanding.
        self.give_up_finals(true, ctx);
        if !self.sent.is_zero() {
            self.report_usage(ctx);
        }
        self.parting.finished(outcome, &self.name, ctx);
    }
}

impl<S: SttService> Processor for SttStage<S> {
    fn name(&self) -> std::borrow::Cow<'static, str> {
        self.name.to_string().into()
    }

    fn start(&mut self, ctx: &mut Context<'_>) -> Result {
        let Some(service) = self.service.take() else { return Ok(()) };
        let setup = SttSetup { sample_rate: ctx.session().input_rate };
        let events = service.connection_events();
        if service.decides_turns() {
            ctx.push_down(Frame::custom(ServiceTurn::Decides));
        }
        self.parting.begin();
        self.hosted = Some(Hosted::start(ctx, events, |io| service.run(setup, io)));
        Ok(())
    }

    fn process(&mut self, frame: Frame, ctx: &mut Context<'_>) -> Result {
        match &frame.payload {
            Payload::InputAudio(pcm) => {
                let audio = SttAudio::Pcm(pcm.clone());
                self.hear(audio, pcm.duration(), frame.pts(), frame.is_live(), ctx);
            }
            Payload::InputEncoded(encoded) => {
                let audio = SttAudio::Encoded(EncodedAudio::clone(encoded));
                let duration = encoded.duration();
                self.hear(audio, duration, frame.pts(), frame.is_live(), ctx);
            }
            Payload::SpeechStarted(edge) if edge.source == EdgeSource::Vad => self.speech_started(edge, ctx),
            Payload::SpeechStopped(edge) if edge.source == EdgeSource::Vad => self.speech_stopped(edge, ctx),
            Payload::SttMute(muted) => {
                self.mute(*muted, ctx);
                return Ok(());
            }
            Payload::SttUpdateSettings(update) => {
                let service = (&self.name, self.hosted.is_some());
                let (mine, others) = self.updates.take(frame.id(), update, service, ctx);
                if let Some((update, delta)) = mine {
                    self.send(SttCommand::Update { update, delta }, ctx);
                }
                if !others {
                    return Ok(());
                }
            }
            _ => {}
        }
        ctx.push(frame);
        Ok(())
    }

    fn event(&mut self, event: Event, ctx: &mut Context<'_>) -> Result {
        match host::receive::<SttEvent>(event)? {
            FromService::Event(event) => {
                if self.parting.is_ending() {
                    ctx.postpone_end(END_DEADLINE);
                }
                self.told(event, ctx);
            }
            FromService::Room => {
                // What it takes is progress, also before the end has come here.
                ctx.postpone_end(END_DEADLINE);
                if let Some(hosted) = &mut self.hosted {
                    hosted.room(ctx);
                    if hosted.backlog().is_empty() {
                        ctx.release_input();
                    }
                }
            }
            FromService::Finished(outcome) => self.finished(outcome, ctx),
            FromService::Delivered => self.parting.delivered(ctx),
        }
        Ok(())
    }

    fn interrupt(&mut self, _: &Interrupt, _: &mut Context<'_>) -> Result {
        // What the user says is never destroyed by an interruption.
        Ok(())
    }

    fn timeout(&mut self, timer: Timer, ctx: &mut Context<'_>) -> Result {
        match timer {
            FINAL => self.give_up_finals(false, ctx),
            _ => self.updates.expire(&self.name, ctx),
        }
        Ok(())
    }

    fn end(&mut self, ctx: &mut Context<'_>) -> Result<Ending> {
        if self.parting.is_over() {
            return Ok(Ending::Now);
        }
        self.parting.end();
        self.send(SttCommand::End, ctx);
        ctx.postpone_end(END_DEADLINE);
        Ok(Ending::Later)
    }
}

fn audio_duration(command: &SttCommand) -> Duration {
    match command {
        SttCommand::Audio { audio: SttAudio::Pcm(pcm), .. } => pcm.duration(),
        SttCommand::Audio { audio: SttAudio::Encoded(encoded), .. } => encoded.duration(),
        _ => Duration::ZERO,
    }
}
