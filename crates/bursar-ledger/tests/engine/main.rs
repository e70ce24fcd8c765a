//! The engine through its public interface.

mod lifecycle;
mod world;
