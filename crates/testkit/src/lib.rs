//! Runs one processor or one pipeline under test, renders frame logs, and holds processors to their law.
