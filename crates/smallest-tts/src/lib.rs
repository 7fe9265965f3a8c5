//! Smallest AI Waves text-to-speech (Lightning) for Voxline pipelines.
