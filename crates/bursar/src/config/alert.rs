//! `[alerts.NAME]`: the channels that alerts go to.

use super::channel_secret::{self, ChannelSecret};
use super::field::{Field, Takes};
use super::section::{Reading, Section, Spot};
use super::value::duration_s;
use super::words::{AlertType, Language, MailSecurity};
use super::{mistake::nearest, zone};
use bursar_control::alert::{ATTEMPTS_DEFAULT, QuietHours};
use bursar_store::settings::AlertEvent;

/// The fields of `[alerts.NAME]`.
pub(super) const FIELDS: &[Field] = &[
    Field::new("type", Takes::Word(AlertType::WORDS), "required", "How the channel is spoken to."),
    Field::new(
        "url",
        channel_secret::TAKES,
        "required but for `telegram` and `email`",
        "Where alerts are posted. The address of a chat service is its secret.",
    ),
    Field::new(
        "secret",
        channel_secret::TAKES,
        "unsigned",
        "Signs what a `webhook` is sent, as Standard Webhooks says: `whsec_` and base64, or any text.",
    ),
    Field::new("token", channel_secret::TAKES, "required for `telegram`", "The bot's token."),
    Field::new(
        "chat",
        Takes::Text("a number in quotes, or `@name`"),
        "required for `telegram`",
        "The chat that the bot writes to.",
    ),
    Field::new(
        "base_url",
        Takes::Text("a URL"),
        "\"https://api.telegram.org\"",
        "The API of `telegram`, where it is your own.",
    ),
    Field::new("host", Takes::Text("a host name"), "required for `email`", "The mail server."),
    Field::new(
        "port",
        Takes::Integer(1, 65_535),
        "587 for `starttls`, 465 for `tls`, 25 for `none`",
        "Its port.",
    ),
    Field::new(
        "security",
        Takes::Word(MailSecurity::WORDS),
        "\"starttls\"",
        "How the connection is protected. `none` takes no `user`.",
    ),
    Field::new("user", Takes::Text("a name"), "none", "Who logs in to the mail server."),
    Field::new("password", channel_secret::TAKES, "none", "With what."),
    Field::new("from", Takes::Text("a mail address"), "required for `email`", "Who writes."),
    Field::new("to", Takes::List("mail addresses"), "required for `email`", "Who reads."),
    Field::new("language", Takes::Word(Language::WORDS), "\"en\"", "In which words."),
    Field::new(
        "events",
        Takes::List("events, such as `\"exhausted\"`"),
        "all",
        "Which events. `docs/guides/alerts.md` names them.",
    ),
    Field::new(
        "scopes",
        Takes::List("patterns, such as `\"project=*\"` or `\"platform\"`"),
        "all",
        "Whose events.",
    ),
    Field::new(
        "digest",
        Takes::Other("a duration"),
        "one message each",
        "How long alerts that are not urgent are collected into one message.",
    ),
    Field::new(
        "quiet_hours",
        Takes::Text("such as `\"22:00-07:00\"`"),
        "none",
        "When only urgent alerts are sent; the others follow.",
    ),
    Field::new(
        "time_zone",
        Takes::Text("an IANA name such as `\"Asia/Taipei\"`"),
        "\"UTC\"",
        "Whose clock quiet hours and texts follow.",
    ),
    Field::new(
        "attempts",
        Takes::Integer(1, 100),
        "16",
        "Tries before a delivery is given up. Waits double from half a second to a quarter of an hour.",
    ),
];

/// A channel, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlertChannel {
    /// Its name.
    pub name: String,
    /// How it is spoken to.
    pub target: AlertTarget,
    /// In which words.
    pub language: Language,
    /// Which events; empty: all.
    pub events: Vec<AlertEvent>,
    /// Patterns of scopes; empty: all.
    pub scopes: Vec<String>,
    /// Seconds that alerts are collected.
    pub digest_s: i64,
    /// When only urgent alerts are sent.
    pub quiet: Option<QuietHours>,
    /// Whose clock counts.
    pub time_zone: String,
    /// Tries before a delivery is given up.
    pub attempts: u32,
}

/// How a channel is spoken to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AlertTarget {
    /// A signed POST.
    Webhook {
        /// Where.
        url: ChannelSecret,
        /// What signs it.
        secret: Option<ChannelSecret>,
    },
    /// Slack.
    Slack(ChannelSecret),
    /// Discord.
    Discord(ChannelSecret),
    /// Teams.
    Teams(ChannelSecret),
    /// A bot of Telegram.
    Telegram {
        /// The API.
        base_url: String,
        /// Its token.
        token: ChannelSecret,
        /// The chat.
        chat: String,
    },
    /// Mail.
    Email {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// How the connection is protected.
        security: MailSecurity,
        /// Who logs in, and with what.
        login: Option<(String, ChannelSecret)>,
        /// Who writes.
        from: String,
        /// Who reads.
        to: Vec<String>,
    },
}

/// What only some types take, by type.
const OWN: [(&[AlertType], &[&str]); 4] = [
    (&[AlertType::Webhook, AlertType::Slack, AlertType::Discord, AlertType::Teams], &["url"]),
    (&[AlertType::Webhook], &["secret"]),
    (&[AlertType::Telegram], &["token", "chat", "base_url"]),
    (&[AlertType::Email], &["host", "port", "security", "user", "password", "from", "to"]),
];

pub(super) fn read(name: &str, section: &Section<'_>, reading: &mut Reading<'_>) -> Option<AlertChannel> {
    let kind = section.word("type", reading, AlertType::parse);
    if !section.has("type") {
        section.missing("type", &format!("write one of {}", AlertType::WORDS.join(", ")), reading);
    }
    let target = kind.and_then(|kind| {
        check_own(kind, section, reading);
        target(kind, section, reading)
    });
    let help = "write `\"22:00-07:00\"`: hours and minutes of two digits, from and until";
    let quiet = section.parsed("quiet_hours", help, reading, |text| {
        QuietHours::parse(text).ok_or_else(|| "is not two times of the day".to_owned())
    });
    let help = "write a duration such as `\"5m\"`";
    let digest_s = section.parsed("digest", help, reading, duration_s);
    let events = section.texts("events", false, reading).unwrap_or_default();
    let events = events.into_iter().filter_map(|spot| event(spot, section, reading)).collect();
    let scopes = section.texts("scopes", false, reading).unwrap_or_default();
    Some(AlertChannel {
        name: name.to_owned(),
        target: target?,
        language: section.word("language", reading, Language::parse).unwrap_or(Language::English),
        events,
        scopes: scopes.iter().map(|spot| spot.text.to_owned()).collect(),
        digest_s: digest_s.unwrap_or(0),
        quiet,
        time_zone: zone::read(section, reading).unwrap_or_else(|| "UTC".to_owned()),
        attempts: section
            .integer("attempts", reading)
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(ATTEMPTS_DEFAULT),
    })
}

/// Notes fields that this type does not take.
fn check_own(kind: AlertType, section: &Section<'_>, reading: &mut Reading<'_>) {
    for (kinds, fields) in OWN {
        for field in fields.iter().filter(|field| !kinds.contains(&kind) && section.has(field)) {
            let words: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            let path = section.field(field);
            let message = format!("`{path}` means nothing to a channel of type `{}`", kind.as_str());
            let help = format!("remove it; it is for {}", words.join(", "));
            reading.wrong(section.place_of(field), path, message, help);
        }
    }
}

fn target(kind: AlertType, section: &Section<'_>, reading: &mut Reading<'_>) -> Option<AlertTarget> {
    let url = |reading: &mut Reading<'_>| {
        if !section.has("url") {
            section.missing(
                "url",
                "write `{ env = \"NAME\" }`, `{ file = \"path\" }` or `{ sealed = \"NAME\" }`",
                reading,
            );
        }
        channel_secret::read("url", section, reading)
    };
    let text = |name: &str, help: &str, reading: &mut Reading<'_>| {
        if !section.has(name) {
            section.missing(name, help, reading);
        }
        section.text(name, reading).map(|spot| spot.text.to_owned())
    };
    match kind {
        AlertType::Webhook => {
            let secret = channel_secret::read("secret", section, reading);
            Some(AlertTarget::Webhook { url: url(reading)?, secret })
        }
        AlertType::Slack => url(reading).map(AlertTarget::Slack),
        AlertType::Discord => url(reading).map(AlertTarget::Discord),
        AlertType::Teams => url(reading).map(AlertTarget::Teams),
        AlertType::Telegram => {
            let chat = text("chat", "write the chat's number in quotes, or `\"@name\"`", reading);
            if !section.has("token") {
                section.missing("token", "write `{ env = \"TELEGRAM_TOKEN\" }`", reading);
            }
            let token = channel_secret::read("token", section, reading);
            let base_url = section.text("base_url", reading).map(|spot| spot.text.trim_end_matches('/'));
            let base_url = base_url.unwrap_or("https://api.telegram.org").to_owned();
            Some(AlertTarget::Telegram { base_url, token: token?, chat: chat? })
        }
        AlertType::Email => email(section, text, reading),
    }
}

fn email(
    section: &Section<'_>,
    text: impl Fn(&str, &str, &mut Reading<'_>) -> Option<String>,
    reading: &mut Reading<'_>,
) -> Option<AlertTarget> {
    let host = text("host", "write the mail server's name", reading);
    let from = text("from", "write `\"Bursar <bursar@example.com>\"`", reading);
    let security = section.word("security", reading, MailSecurity::parse).unwrap_or(MailSecurity::StartTls);
    let usual = match security {
        MailSecurity::StartTls => 587,
        MailSecurity::Tls => 465,
        MailSecurity::None => 25,
    };
    let port = section.integer("port", reading).and_then(|n| u16::try_from(n).ok()).unwrap_or(usual);
    let to = section.texts("to", false, reading).unwrap_or_default();
    if to.is_empty() {
        section.missing("to", "write `[\"team@example.com\"]`", reading);
    }
    let addresses =
        from.iter().map(|from| (from.as_str(), "from")).chain(to.iter().map(|to| (to.text, "to")));
    for (address, field) in addresses {
        if !bursar_control::alert::is_mail_address(address) {
            let path = section.field(field);
            let message = format!("`{path}`: `{address}` is no mail address");
            let help = "write `\"name@example.com\"` or `\"Name <name@example.com>\"`";
            reading.wrong(section.place_of(field), path, message, help);
        }
    }
    let user = section.text("user", reading).map(|spot| spot.text.to_owned());
    let password = channel_secret::read("password", section, reading);
    if section.has("user") != section.has("password") {
        let help = "give `user` and `password`, or neither";
        reading.wrong(
            section.place,
            &section.path,
            format!("`{}` has one half of a login", section.path),
            help,
        );
    }
    if section.has("user") && security == MailSecurity::None {
        let path = section.field("security");
        let message = format!("`{path}`: a password would go over the network in clear text");
        reading.wrong(section.place_of("security"), path, message, "use `\"starttls\"` or `\"tls\"`");
    }
    let to = to.iter().map(|spot| spot.text.to_owned()).collect();
    Some(AlertTarget::Email { host: host?, port, security, login: user.zip(password), from: from?, to })
}

fn event(spot: Spot<'_>, section: &Section<'_>, reading: &mut Reading<'_>) -> Option<AlertEvent> {
    let found = AlertEvent::parse(spot.text);
    if found.is_none() {
        let words = || AlertEvent::ALL.iter().map(|event| event.as_str());
        let help = match nearest(spot.text, words()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of {}", words().collect::<Vec<_>>().join(", ")),
        };
        let path = section.field("events");
        reading.wrong(spot.place, &path, format!("`{path}`: there is no event `{}`", spot.text), help);
    }
    found
}
