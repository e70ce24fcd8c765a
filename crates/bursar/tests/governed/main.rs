//! Stories of governed requests through a whole Bursar, judged by the fake provider's own bill.

mod audit;
mod backup;
mod calibrate;
mod circuits;
mod credentials;
mod disk_full;
mod disk_full;
mod elsewhere;
mod elsewhere;
mod endings;
mod endings;
mod export;
mod fallback;
mod house;
mod kill;
mod openapi;
mod process;
mod races;
mod refusals;
mod reprice;
mod secrets;
mod simulate;
mod throttle;
