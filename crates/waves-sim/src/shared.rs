//! What connections share: the plan of faults, the seats, the script's position, ids and the log.
//!
//! One short lock around all of it, so that a verdict and the seat it gives away are one step and a limit
//! cannot be overrun by two clients at once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::mpsc;

use crate::config::SimConfig;
use crate::connection::Order;
use crate::fault::{Fault, FaultKind, FaultPlan};
use crate::gate::{self, Admission, OpenSockets, Verdict};
use crate::http::RequestHead;
use crate::log::Log;
use crate::stt::ScriptPosition;
use crate::{Direction, Endpoint};

/// Orders that may wait for one connection; more are refused to who gives them.
const ORDERS: usize = 16;

/// One simulator's common state.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: SimConfig,
    pub(crate) api_key: ApiKey,
    pub(crate) log: Arc<Log>,
    // Connections and the handle's owner take turns; held for a few steps, never across an await.
    state: Mutex<State>,
}

/// The key in force; shows nothing of itself.
pub(crate) struct ApiKey(String);

#[derive(Debug)]
struct State {
    faults: FaultPlan,
    seats: BTreeMap<u64, Taken>,
    script: ScriptPosition,
    random: fastrand::Rng,
}

#[derive(Debug)]
struct Taken {
    endpoint: Endpoint,
    orders: mpsc::Sender<Order>,
}

/// A place among the open sockets; given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    id: u64,
    shared: Arc<Shared>,
    orders: Option<mpsc::Receiver<Order>>,
}

impl Shared {
    pub(crate) fn new(config: SimConfig, log: Log) -> Self {
        let mut random = config.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let generated = || format!("sk_{}", crate::hex_id(&mut random, 40));
        let api_key = config.api_key.clone().unwrap_or_else(generated);
        let mut faults = FaultPlan::default();
        config.faults.iter().cloned().for_each(|fault| faults.add(fault));
        let state = State { faults, seats: BTreeMap::new(), script: ScriptPosition::default(), random };
        Self { config, api_key: ApiKey(api_key), log: Arc::new(log), state: Mutex::new(state) }
    }

    pub(crate) fn meet_faults(&self, endpoint: Endpoint) -> Vec<FaultKind> {
        self.state().faults.meet(endpoint)
    }

    pub(crate) fn add_fault(&self, fault: Fault) {
        self.state().faults.add(fault);
    }

    pub(crate) fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// Puts a fault on the open connections it is for; returns how many took it.
    pub(crate) fn order_fault(&self, fault: &Fault) -> usize {
        let state = self.state();
        let meant = state.seats.values().filter(|seat| fault.target.includes(seat.endpoint));
        meant.filter(|seat| seat.orders.try_send(Order::Fault(fault.kind.clone())).is_ok()).count()
    }

    pub(crate) fn order_shutdown(&self) {
        for seat in self.state().seats.values() {
            // One that has so many orders waiting is ended by the shutdown's deadline.
            let _ = seat.orders.try_send(Order::Shutdown);
        }
    }

    pub(crate) fn open_connections(&self) -> usize {
        self.state().seats.len()
    }

    /// Decides about a request and, when a session begins, takes a seat in the same step.
    pub(crate) fn admit(
        self: &Arc<Self>,
        id: u64,
        endpoint: Option<Endpoint>,
        head: &RequestHead,
    ) -> (Verdict, Option<Seat>) {
        let mut state = self.state();
        let verdict = gate::decide(&self.config, self.api_key.as_str(), state.open_sockets(), head);
        let begins =
            matches!(verdict, Verdict::Admit { admission: Admission::Stt(_) | Admission::Tts(_), .. });
        let seat = endpoint.filter(|_| begins).map(|endpoint| {
            let (sender, orders) = mpsc::channel(ORDERS);
            state.seats.insert(id, Taken { endpoint, orders: sender });
            Seat { id, shared: self.clone(), orders: Some(orders) }
        });
        (verdict, seat)
    }

    pub(crate) fn script_position(&self) -> ScriptPosition {
        self.state().script
    }

    pub(crate) fn note_script_position(&self, position: ScriptPosition) {
        let mut state = self.state();
        state.script = state.script.max(position);
    }

    pub(crate) fn new_id(&self, prefix: &str) -> String {
        format!("{prefix}{}", crate::hex_id(&mut self.state().random, 24))
    }

    pub(crate) fn new_seed(&self) -> u64 {
        self.state().random.u64(..)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn open_sockets(&self) -> OpenSockets {
        let count =
            |direction| self.seats.values().filter(|seat| seat.endpoint.direction() == direction).count();
        OpenSockets { stt: count(Direction::SpeechToText), tts: count(Direction::TextToSpeech) }
    }
}

impl Seat {
    /// The seat without its orders, and the orders.
    pub(crate) fn into_orders(mut self) -> (Option<Self>, mpsc::Receiver<Order>) {
        let orders = self.orders.take().unwrap_or_else(|| mpsc::channel(1).1);
        (Some(self), orders)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.state().seats.remove(&self.id);
    }
}

impl ApiKey {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey(hidden)")
    }
}
