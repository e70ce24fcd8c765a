//! From the checked configuration to the channels that alerts go to, and the thread that delivers.

use super::install::InstallError;
use crate::config::{self, AlertChannel, AlertTarget, ChannelSecret, Config, Surroundings};
use bursar_control::State;
use bursar_control::alert::{Channel, ChannelKind, Language, Mail, MailSecurity, SecretText, deliver_alerts};
use bursar_core::Pattern;
use bursar_ledger::Zone;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::watch;

/// Resolves the secrets of every channel.
///
/// # Errors
/// When one is gone since the check.
pub(super) fn channels(
    config: &Config,
    surroundings: &Surroundings<'_>,
) -> Result<Vec<Channel>, InstallError> {
    config.alerts.iter().map(|declared| channel(declared, surroundings)).collect()
}

/// Starts the thread that looks for alerts and delivers them, on a runtime of its own: a channel that hangs holds up
/// neither requests nor the admin API.
///
/// # Errors
/// When it cannot be started.
pub(super) fn start(state: &Arc<State>, stopped: watch::Receiver<bool>) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let state = Arc::clone(state);
    let body = move || runtime.block_on(deliver_alerts(state, stopped));
    std::thread::Builder::new().name("alerts".to_owned()).spawn(body)
}

fn channel(declared: &AlertChannel, surroundings: &Surroundings<'_>) -> Result<Channel, InstallError> {
    let wrong = |problem: String| InstallError::Channel { channel: declared.name.clone(), problem };
    let secret = |declared: &ChannelSecret| match declared {
        ChannelSecret::Sealed(name) => Ok(SecretText::sealed(name)),
        ChannelSecret::Given(reference) => match reference.resolve(surroundings) {
            Ok(secret) => Ok(SecretText::new(secret.expose())),
            Err(problem) => Err(wrong(problem)),
        },
    };
    let kind = match &declared.target {
        AlertTarget::Webhook { url, secret: signs } => {
            ChannelKind::Webhook { url: secret(url)?, secret: signs.as_ref().map(secret).transpose()? }
        }
        AlertTarget::Slack(url) => ChannelKind::Slack { url: secret(url)? },
        AlertTarget::Discord(url) => ChannelKind::Discord { url: secret(url)? },
        AlertTarget::Teams(url) => ChannelKind::Teams { url: secret(url)? },
        AlertTarget::Telegram { base_url, token, chat } => {
            ChannelKind::Telegram { base_url: base_url.clone(), token: secret(token)?, chat: chat.clone() }
        }
        AlertTarget::Email { host, port, security, login, from, to } => ChannelKind::Email(Mail {
            host: host.clone(),
            port: *port,
            security: match security {
                config::MailSecurity::StartTls => MailSecurity::StartTls,
                config::MailSecurity::Tls => MailSecurity::Tls,
                config::MailSecurity::None => MailSecurity::None,
            },
            login: match login {
                Some((user, password)) => Some((user.clone(), secret(password)?)),
                None => None,
            },
            from: from.clone(),
            to: to.clone(),
        }),
    };
    Ok(Channel {
        name: declared.name.clone(),
        kind,
        language: match declared.language {
            config::Language::English => Language::English,
            config::Language::TraditionalChinese => Language::TraditionalChinese,
        },
        events: declared.events.clone(),
        scopes: declared.scopes.iter().map(|text| Pattern::new(text)).collect(),
        digest_s: declared.digest_s,
        quiet: declared.quiet,
        zone: Zone::parse(&declared.time_zone).map_err(|error| wrong(error.to_string()))?,
        attempts: declared.attempts,
    })
}
