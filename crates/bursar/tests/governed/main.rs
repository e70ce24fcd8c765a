//! Stories of governed requests through a whole Bursar, judged by the fake provider's own bill.

mod audit;
mod endings;
mod house;
mod kill;
mod openapi;
mod process;
mod races;
mod refusals;
mod reports;
mod secrets;
