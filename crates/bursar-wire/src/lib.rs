//! API formats sans I/O: which route a path is, what a request asks for, how an answer is metered, how a no is said.
//!
//! Nothing here opens a connection, reads a clock or keeps a global but the vocabularies of tokenizers; every function takes bytes and gives bytes or facts.

pub mod meter;
pub mod rate_limit;
pub mod refuse;
pub mod request;
pub mod route;
pub mod splice;
pub mod strip;
pub mod tokens;

pub use meter::{Anomaly, Billed, BodyKind, Meter, Progress, Reading};
pub use rate_limit::{RateLimit, rate_limit_headers};
pub use refuse::{RefusalStatus, Response, StreamEnd, end_stream, not_found, refuse};
pub use request::{Detail, Facts, Image, InputError, Needs, OutputFacts, Thinking, image_tokens, read_facts};
pub use route::{Route, SpendRoute, Surface, client_keys, route, split_path_key};
pub use splice::{Splice, SpliceError, splice};
pub use strip::UsageStripper;
pub use tokens::{Known, Prompt, Tokenizer};
