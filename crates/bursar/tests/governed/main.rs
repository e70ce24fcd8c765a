//! Stories of governed requests through a whole Bursar, judged by the fake provider's own bill.

mod audit;
mod disk_full;
mod doors;
mod elsewhere;
mod endings;
mod house;
mod kill;
mod openapi;
mod process;
mod races;
mod refusals;
mod repeats;
mod reprice;
mod secrets;
mod stop_time;
mod stops;
