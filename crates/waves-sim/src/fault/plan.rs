//! Which faults meet which connection.
//!
//! In: faults as they are added, connections as they begin. Out: the kinds a connection meets.
//! Counts are of connections that reached an endpoint, whatever became of them.

use super::{Fault, FaultKind};
use crate::Endpoint;

/// The faults in force and how often each was used.
#[derive(Debug, Default)]
pub(crate) struct FaultPlan {
    faults: Vec<(Fault, u64)>,
    /// How many connections each endpoint has seen.
    connections: Vec<Endpoint>,
}

impl FaultPlan {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.faults.push((fault, 0));
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    /// A connection to `endpoint` begins: the faults it meets, in the order they were added.
    pub(crate) fn meet(&mut self, endpoint: Endpoint) -> Vec<FaultKind> {
        self.connections.push(endpoint);
        let connections = &self.connections;
        let mut met: Vec<FaultKind> = Vec::new();
        for (fault, used) in &mut self.faults {
            let seen = || connections.iter().filter(|seen| fault.target.includes(**seen)).count() as u64;
            let beginning_taken = || met.iter().any(FaultKind::is_beginning);
            if fault.target.includes(endpoint)
                && fault.nth.is_none_or(|nth| nth == seen())
                && fault.count.is_none_or(|count| *used < count)
                && !(fault.kind.is_beginning() && beginning_taken())
            {
                *used += 1;
                met.push(fault.kind.clone());
            }
        }
        met
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(specs: &[&str], connections: &[Endpoint]) -> Vec<usize> {
        let mut plan = FaultPlan::default();
        specs.iter().for_each(|spec| plan.add(spec.parse().unwrap()));
        connections.iter().map(|endpoint| plan.meet(*endpoint).len()).collect()
    }

    #[test]
    fn a_fault_without_limits_meets_every_connection() {
        assert_eq!(met(&["slow=5"], &[Endpoint::Pulse, Endpoint::TtsLive]), [1, 1]);
    }

    #[test]
    fn a_count_uses_itself_up() {
        assert_eq!(met(&["429,count=2"], &[Endpoint::Pulse; 3]), [1, 1, 0]);
    }

    #[test]
    fn nth_counts_the_endpoints_it_is_for() {
        let connections = [Endpoint::TtsLive, Endpoint::Pulse, Endpoint::SttLive];
        assert_eq!(met(&["stall,endpoint=stt,nth=2"], &connections), [0, 0, 1]);
    }

    #[test]
    fn one_beginning_at_a_time_so_that_they_queue_up() {
        let mut plan = FaultPlan::default();
        plan.add("401,count=1".parse().unwrap());
        plan.add("429,count=1".parse().unwrap());
        let mut status = || match plan.meet(Endpoint::Pulse).as_slice() {
            [FaultKind::Status { status, .. }] => *status,
            _ => 0,
        };
        assert_eq!([status(), status(), status()], [401, 429, 0]);
    }
}
