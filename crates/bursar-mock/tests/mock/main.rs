//! The fake providers from outside: every format, every fault, recorded bodies.

#![cfg(test)]

mod agrees;
mod faults;
mod formats;
mod recorded;
mod support;
