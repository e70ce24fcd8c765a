//! Alerts: what happened is written once into the settings' outbox, then told to each channel until it takes it.
//!
//! Invariant: sources and cursors are written in one transaction, and a channel's answer is written before the next try,
//! so a crash neither loses an alert nor invents one. Nothing here runs on the data plane's threads.

mod channel;
mod desk;
mod entries;
mod farewell;
mod limits;
mod mail;
mod payload;
mod projected;
mod refusals;
mod sealed;
mod send;
mod sources;
mod stale;
mod text;

pub use channel::{Channel, ChannelKind, Language, Mail, MailSecurity, QuietHours};
pub use desk::{AlertDesk, deliver_alerts};
pub use limits::ATTEMPTS_DEFAULT;
pub use mail::is_mail_address;
pub use send::SecretText;

pub(crate) use desk::test_channel;
pub(crate) use entries::of_entries;
pub(crate) use refusals::Refusals;
pub(crate) use sealed::{HOLDER as SECRETS_HOLDER, purpose as secret_purpose};
pub(crate) use text::sample;

#[cfg(test)]
mod tests;
