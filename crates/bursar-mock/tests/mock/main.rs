//! The fake providers from outside: every format, every fault, recorded bodies.

#![cfg(test)]

mod faults;
mod formats;
mod recorded;
mod support;
