//! The engine through its public interface.

mod codec;
mod lifecycle;
mod machine;
mod model;
mod paging;
mod periods;
mod vectors;
mod windows;
mod world;
