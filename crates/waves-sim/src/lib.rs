//! A simulator of the Smallest Waves speech services on loopback, with faults on demand.
pub mod voice;
