//! Voice activity detection: samples in, speech edges out.
