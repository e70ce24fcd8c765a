//! The engine through its public interface.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops where something is wrong"
)]

mod codec;
mod edges;
mod forged;
mod judgements;
mod lifecycle;
mod machine;
mod model;
mod paging;
mod periods;
mod policy;
mod specified;
mod vectors;
mod windows;
mod world;
