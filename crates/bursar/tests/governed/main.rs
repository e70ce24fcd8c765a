//! Stories of governed requests through a whole Bursar, judged by the fake provider's own bill.

mod agents;
mod audit;
mod backup;
mod calibrate;
mod disk_full;
mod doors;
mod elsewhere;
mod endings;
mod export;
mod families;
mod fit;
mod holds;
mod house;
mod kill;
mod openapi;
mod process;
mod races;
mod refusals;
mod repeats;
mod reprice;
mod secrets;
mod simulate;
mod stop_time;
mod stops;
mod throttle;
