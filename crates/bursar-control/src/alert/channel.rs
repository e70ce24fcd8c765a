//! A channel: where alerts go, which ones, in which words and when.

use super::send::SecretText;
use bursar_core::{Pattern, Timestamp};
use bursar_ledger::Zone;
use bursar_store::settings::{Alert, AlertEvent};

/// Where alerts go.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Its name in the configuration.
    pub name: String,
    /// How it is spoken to.
    pub kind: ChannelKind,
    /// In which words.
    pub language: Language,
    /// Which events; empty: all.
    pub events: Vec<AlertEvent>,
    /// Which scopes, such as `project=*`; empty: all.
    pub scopes: Vec<Pattern>,
    /// Seconds that alerts are collected into one message; 0: one message each. Urgent ones do not wait.
    pub digest_s: i64,
    /// When only urgent alerts are sent.
    pub quiet: Option<QuietHours>,
    /// Whose clock the texts and the quiet hours follow.
    pub zone: Zone,
    /// Tries before a delivery is given up, at least 1.
    pub attempts: u32,
}

/// How a channel is spoken to.
#[derive(Clone, Debug)]
pub enum ChannelKind {
    /// A POST as Standard Webhooks describes it (<https://www.standardwebhooks.com>), signed where there is a secret.
    Webhook {
        /// Where.
        url: SecretText,
        /// The signing secret: `whsec_` and base64, or any text.
        secret: Option<SecretText>,
    },
    /// An incoming webhook of Slack.
    Slack {
        /// Where; the address is the secret.
        url: SecretText,
    },
    /// A webhook of Discord.
    Discord {
        /// Where; the address is the secret.
        url: SecretText,
    },
    /// A workflow of Microsoft Teams that posts an Adaptive Card.
    Teams {
        /// Where; the address is the secret.
        url: SecretText,
    },
    /// A bot of Telegram.
    Telegram {
        /// The API without a slash at the end.
        base_url: String,
        /// The bot's token.
        token: SecretText,
        /// The chat's number or `@name`.
        chat: String,
    },
    /// A mail server.
    Email(Mail),
}

/// Mail by SMTP.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: MailSecurity,
    /// Who logs in, and with what.
    pub login: Option<(String, SecretText)>,
    /// Who writes.
    pub from: String,
    /// Who reads; at least one.
    pub to: Vec<String>,
}

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MailSecurity {
    /// STARTTLS, required.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// Nothing: for a server on the same machine.
    None,
}

/// In which words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Traditional Chinese as written in Taiwan.
    TraditionalChinese,
}

/// Minutes of the day from the first, included, to the second, excluded; across midnight where the first is later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuietHours {
    /// Minute of the day.
    pub from: u16,
    /// Minute of the day.
    pub until: u16,
}

impl QuietHours {
    /// Reads `22:00-07:00`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (from, until) = text.split_once('-')?;
        let hours = Self { from: minute(from.trim())?, until: minute(until.trim())? };
        (hours.from != hours.until).then_some(hours)
    }
    /// Whether a minute of the day is quiet.
    #[must_use]
    pub const fn contains(self, minute: u16) -> bool {
        if self.from < self.until {
            self.from <= minute && minute < self.until
        } else {
            self.from <= minute || minute < self.until
        }
    }
}

impl Channel {
    /// Whether it is told of this alert.
    #[must_use]
    pub fn wants(&self, alert: &Alert) -> bool {
        let event = self.events.is_empty() || self.events.contains(&alert.event);
        event && (self.scopes.is_empty() || self.scopes.iter().any(|scope| scope.matches(&alert.scope)))
    }
    /// Whether only urgent alerts are sent at this time.
    #[must_use]
    pub fn is_quiet(&self, now: Timestamp) -> bool {
        let local = now.to_jiff().to_zoned(self.zone.rules().clone());
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        self.quiet.is_some_and(|quiet| u16::try_from(minute).is_ok_and(|minute| quiet.contains(minute)))
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| (text.len() == 2).then(|| text.parse::<u16>().ok()).flatten();
    let (hour, minute) = (two(hour)?, two(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}
