//! Stories of governed requests through a whole Bursar, judged by the fake provider's own bill.

mod endings;
mod house;
