//! One small file per command: its arguments and what it does.

pub(crate) mod backup;
pub(crate) mod budget;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod cost;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod kill;
pub(crate) mod ledger;
pub(crate) mod man;
pub(crate) mod meter;
pub(crate) mod mock;
pub(crate) mod price;
pub(crate) mod project;
pub(crate) mod provider;
pub(crate) mod reload;
pub(crate) mod replay;
pub(crate) mod request;
pub(crate) mod serve;
pub(crate) mod shared;
pub(crate) mod throttle;
pub(crate) mod user;
