//! Smallest AI Waves speech-to-text (Pulse) for Voxline pipelines.
