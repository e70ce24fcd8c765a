//! Secrets of channels that were given through the admin API: sealed in the settings, opened when a message is sent, so that
//! a new one counts from the next message on.

use super::channel::{Channel, ChannelKind};
use super::send::SecretText;
use crate::state::State;
use bursar_govern::seal::Sealer;
use bursar_store::settings::Sealed;

/// Whose credentials they are in the settings. A provider of this name would find that none of them opens for it.
pub(crate) const HOLDER: &str = "alerts/secrets";

/// What a secret is sealed for: it opens under no other name, and for no provider.
pub(crate) fn purpose(name: &str) -> String {
    format!("alert:{name}")
}

impl Channel {
    /// The names under which its secrets are sealed.
    pub(crate) fn sealed_names(&self) -> Vec<String> {
        let mut copy = self.kind.clone();
        copy.secrets().iter().filter_map(|secret| secret.sealed_as().map(str::to_owned)).collect()
    }
    /// The channel with its secrets opened, for one message.
    ///
    /// # Errors
    /// What is missing, in words for a person.
    pub(super) fn unsealed(&self, state: &State) -> Result<Self, String> {
        let mut channel = self.clone();
        for secret in channel.kind.secrets() {
            let opened = secret.sealed_as().map(|name| open(state, name)).transpose()?;
            if let Some(opened) = opened {
                *secret = opened;
            }
        }
        Ok(channel)
    }
}

impl ChannelKind {
    fn secrets(&mut self) -> Vec<&mut SecretText> {
        match self {
            Self::Webhook { url, secret } => std::iter::once(url).chain(secret).collect(),
            Self::Slack { url } | Self::Discord { url } | Self::Teams { url } => vec![url],
            Self::Telegram { token, .. } => vec![token],
            Self::Email(mail) => mail.login.iter_mut().map(|(_, password)| password).collect(),
        }
    }
}

fn open(state: &State, name: &str) -> Result<SecretText, String> {
    let rows = state.settings.credentials(HOLDER).map_err(|_| "the settings cannot be read".to_owned())?;
    let row = rows.into_iter().find(|row| row.name == name);
    let row =
        row.ok_or_else(|| format!("the secret `{name}` is not set: `bursar alert secret set {name}`"))?;
    let installed = state.installed.load();
    let opened = installed.sealer.as_deref().and_then(|sealer| text(sealer, name, &row.sealed));
    opened.ok_or_else(|| format!("the secret `{name}` was sealed under another key: set it again"))
}

fn text(sealer: &Sealer, name: &str, sealed: &Sealed) -> Option<SecretText> {
    let plain = sealer.open(&purpose(name), &sealed.0).ok()?;
    Some(SecretText::new(std::str::from_utf8(&plain).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Mail, MailSecurity};

    #[test]
    fn every_kind_of_channel_says_which_of_its_secrets_are_sealed() {
        let sealed = |name: &str| SecretText::sealed(name);
        let mail = Mail {
            host: "mail".to_owned(),
            port: 587,
            security: MailSecurity::StartTls,
            login: Some(("bursar".to_owned(), sealed("d"))),
            from: "a@example.com".to_owned(),
            to: vec!["b@example.com".to_owned()],
        };
        let token =
            ChannelKind::Telegram { base_url: String::new(), token: sealed("c"), chat: String::new() };
        for (kind, names) in [
            (ChannelKind::Webhook { url: sealed("a"), secret: Some(sealed("b")) }, "ab"),
            (ChannelKind::Webhook { url: SecretText::new("here"), secret: Some(sealed("b")) }, "b"),
            (ChannelKind::Slack { url: sealed("a") }, "a"),
            (ChannelKind::Discord { url: sealed("a") }, "a"),
            (ChannelKind::Teams { url: sealed("a") }, "a"),
            (token, "c"),
            (ChannelKind::Email(mail), "d"),
        ] {
            let mut kind = kind;
            let found: String = kind.secrets().iter().filter_map(|secret| secret.sealed_as()).collect();
            assert_eq!(found, names, "{kind:?}");
        }
        assert_eq!(format!("{:?}", SecretText::new("here")), "SecretText(…)");
    }
}
