//! Fake services: they follow a script, and a test may direct them by hand.
//!
//! A fake does nothing of its own: no network, no recognition, no synthesis. For each command its script says
//! which [`Act`]s follow; a [`Puppet`] shows the commands that were taken and plays further acts in between.

mod stt;
mod tts;

pub use stt::FakeStt;
pub use tts::FakeTts;

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::mpsc, time::Instant};
use voxline_core::{
    frame::{SettingsAnswer, UpdateId},
    service::{ServiceIo, ServiceName, ServiceResult},
};

/// Directions a test may give before the fake takes them.
const DIRECTIONS: usize = 1024;

/// What a fake does next.
#[derive(Debug)]
pub enum Act<E> {
    /// Tells the stage something.
    Send(E),
    /// Lets this much time pass before its further acts; commands are taken meanwhile.
    Wait(Duration),
    /// Forgets the acts that are still to come.
    Forget,
    /// Takes no more commands until [`Act::Resume`].
    Stall,
    /// Takes commands again.
    Resume,
    /// Ends its run.
    Return(ServiceResult),
    /// Panics.
    Panic(&'static str),
}

type Script<C, E> = Box<dyn FnMut(&C) -> Vec<Act<E>> + Send>;

/// A fake's inside: its script, and the test's end of it.
pub struct Fake<C, E> {
    script: Script<C, E>,
    // Written by the fake, read by the test; never held across an await.
    taken: Arc<Mutex<Vec<C>>>,
    directions: mpsc::Receiver<Act<E>>,
}

/// The test's hand in a fake.
#[derive(Clone)]
pub struct Puppet<C, E> {
    taken: Arc<Mutex<Vec<C>>>,
    directions: mpsc::Sender<Act<E>>,
}

impl<C, E> fmt::Debug for Fake<C, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fake")
    }
}

impl<C, E> fmt::Debug for Puppet<C, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Puppet")
    }
}

impl<C: Clone, E> Puppet<C, E> {
    /// The commands the fake has taken so far.
    #[must_use]
    pub fn taken(&self) -> Vec<C> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets the fake do something now, before what its script has for it.
    ///
    /// # Panics
    /// When the fake is gone, or has left a thousand directions waiting.
    #[track_caller]
    pub fn act(&self, act: Act<E>) {
        assert!(self.directions.try_send(act).is_ok(), "the fake takes no directions any more");
    }

    /// Lets the fake tell the stage something now.
    ///
    /// # Panics
    /// As [`act`](Self::act).
    #[track_caller]
    pub fn tell(&self, event: E) {
        self.act(Act::Send(event));
    }
}

impl<C: Clone, E> Fake<C, E> {
    fn new(script: Script<C, E>) -> (Self, Puppet<C, E>) {
        let (sender, directions) = mpsc::channel(DIRECTIONS);
        let taken: Arc<Mutex<Vec<C>>> = Arc::default();
        let puppet = Puppet { taken: taken.clone(), directions: sender };
        (Self { script, taken, directions }, puppet)
    }

    async fn run(mut self, mut io: ServiceIo<C, E>) -> ServiceResult {
        let mut coming: VecDeque<Act<E>> = VecDeque::new();
        let (mut waits_until, mut stalled) = (Instant::now(), false);
        loop {
            let next = if waits_until <= Instant::now() { coming.pop_front() } else { None };
            let act = match next {
                Some(act) => act,
                None => tokio::select! {
                    biased;
                    Some(act) = self.directions.recv() => act,
                    command = io.commands.recv(), if !stalled => {
                        let Some(command) = command else { return Ok(()) };
                        coming.extend((self.script)(&command));
                        self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(command);
                        if coming.iter().any(|act| matches!(act, Act::Forget)) {
                            let after = coming.iter().rposition(|act| matches!(act, Act::Forget));
                            coming.drain(..=after.unwrap_or(0));
                            waits_until = Instant::now();
                        }
                        continue;
                    }
                    () = tokio::time::sleep_until(waits_until), if !coming.is_empty() => continue,
                },
            };
            match act {
                // Without a receiver the stage is gone, and the run ends with it.
                Act::Send(event) => drop(io.events.send(event).await),
                Act::Wait(time) => waits_until = Instant::now() + time,
                Act::Forget => coming.clear(),
                Act::Stall => stalled = true,
                Act::Resume => stalled = false,
                Act::Return(outcome) => return outcome,
                Act::Panic(message) => panic!("{message}"),
            }
        }
    }
}

/// An answer that says that nothing changed.
fn nothing_changed(update: UpdateId, service: &ServiceName) -> Box<SettingsAnswer> {
    Box::new(SettingsAnswer {
        update,
        service: service.clone(),
        changed: Vec::new(),
        rejected: Vec::new(),
        warnings: Vec::new(),
        reconnected: false,
    })
}
