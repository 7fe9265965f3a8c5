//! WAV files as the two ends of a pipeline.
