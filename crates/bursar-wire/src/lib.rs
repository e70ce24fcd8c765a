//! API formats without I/O: reads a request's facts, meters an answer, refuses in the client's format.

pub mod meter;
pub mod strip;
