//! Microphone and speaker.
