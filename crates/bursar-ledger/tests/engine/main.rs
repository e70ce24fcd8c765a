//! The engine through its public interface.

mod lifecycle;
mod paging;
mod windows;
mod world;
