//! Runs a `Vad` in a pipeline of its own and writes down, as text, what leaves it.

use std::{sync::mpsc, time::Duration};

use voxline_audio::{Pcm, SampleRate};
use voxline_core::{
    Pipeline, Session, SessionConfig, SessionEvent,
    frame::{Frame, FrameKind, KindSet, Payload, SpeechEdge},
};
use voxline_vad::Vad;

pub(crate) const RATE: SampleRate = SampleRate::HZ_16000;

pub(crate) struct Call {
    pub(crate) session: Session,
    events: mpsc::Receiver<SessionEvent>,
}

impl Call {
    pub(crate) async fn start(vad: Vad) -> Self {
        let (sender, events) = mpsc::channel();
        let mut config = SessionConfig::default().on_event(move |event| {
            let _ = sender.send(event.clone());
        });
        config.reached = KindSet::ALL.without(FrameKind::End);
        let pipeline = Pipeline::builder().then(vad).build().unwrap();
        Self { session: pipeline.start(config).await.unwrap(), events }
    }

    pub(crate) async fn queue(&self, frame: impl Into<Frame>) {
        self.session.queue(frame).await.unwrap();
    }

    /// Chunks of 10 ms, one letter each: `S` is loud, `.` silent.
    pub(crate) async fn say(&self, chunks: &str) {
        for letter in chunks.chars() {
            self.queue(Frame::input_audio(Pcm::mono([loudness(letter); 160], RATE))).await;
        }
    }

    /// Lets the paused clock run.
    pub(crate) async fn wait(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Ends the call; what happened in it.
    pub(crate) async fn finish(self) -> Vec<SessionEvent> {
        self.session.end().await.unwrap();
        self.session.finished().await.unwrap();
        drop(self.session);
        self.events.iter().collect()
    }

    /// Ends the call; what happened in it, as text.
    pub(crate) async fn log(self) -> Vec<String> {
        render(&self.finish().await)
    }
}

pub(crate) fn loudness(letter: char) -> i16 {
    if letter == 'S' { 8_000 } else { 0 }
}

/// A line for each event; audio in a row is counted.
pub(crate) fn render(events: &[SessionEvent]) -> Vec<String> {
    let mut log: Vec<String> = Vec::new();
    let mut chunks = 0;
    for event in events {
        let line = match event {
            SessionEvent::Reached(_, frame) if matches!(frame.payload, Payload::InputAudio(_)) => {
                chunks += 1;
                continue;
            }
            SessionEvent::Reached(_, frame) => line(&frame.payload),
            SessionEvent::Interrupted(interrupt) => Some(format!("interrupted {:?}", interrupt.cause)),
            SessionEvent::Finished(outcome) => {
                Some(outcome.as_ref().map_or("failed".into(), |o| format!("{o:?}")))
            }
            _ => None,
        };
        if let Some(line) = line {
            flush(&mut log, &mut chunks);
            log.push(line);
        }
    }
    flush(&mut log, &mut chunks);
    log
}

fn flush(log: &mut Vec<String>, chunks: &mut u32) {
    if *chunks > 0 {
        log.push(format!("audio {chunks}"));
    }
    *chunks = 0;
}

fn line(payload: &Payload) -> Option<String> {
    let edge = |edge: &SpeechEdge| format!("{}/{}", edge.at.as_millis(), edge.confirmed_after.as_millis());
    match payload {
        Payload::SpeechStarted(at) => Some(format!("started {}", edge(at))),
        Payload::SpeechStopped(at) => Some(format!("stopped {}", edge(at))),
        Payload::Error(report) => Some(format!("error {}", report.error)),
        Payload::Interrupt(_) => None,
        Payload::SettingsAnswered(answer) => {
            let changed =
                answer.changed.iter().map(|c| format!("{} {:?}", c.field, c.new.as_deref().unwrap_or("")));
            Some(format!("answered {}", changed.collect::<Vec<_>>().join(", ")))
        }
        payload => Some(payload.kind().name().to_owned()),
    }
}
