//! Mail by SMTP.

use super::channel::{Channel, Mail, MailSecurity};
use super::limits::{ANSWER, CONNECT};
use super::payload::message_id;
use super::text::{self, Text};
use bursar_core::Timestamp;
use bursar_store::settings::Alert;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::error::Error;
use std::io;
use std::time::{Duration, SystemTime};

/// Whether a text is a mail address, with or without a name before it.
#[must_use]
pub fn is_mail_address(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok()
}

/// Sends one mail. The problem says nothing of the login.
pub(super) async fn send(
    mail: &Mail,
    channel: &Channel,
    alerts: &[Alert],
    now: Timestamp,
) -> Result<(), String> {
    let message = message(mail, channel, alerts, now)?;
    let transport = transport(mail)?;
    match tokio::time::timeout(CONNECT + ANSWER, transport.send(message)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(match error.status() {
            Some(code) => format!("the mail server answered {code}"),
            None if error.is_timeout() => "the mail server did not answer in time".to_owned(),
            None if is_untrusted(&error) => "the certificate of the mail server is not trusted".to_owned(),
            None if error.is_tls() => "no TLS with the mail server".to_owned(),
            None => "the mail server cannot be reached, or broke off".to_owned(),
        }),
        Err(_) => Err("the mail server did not answer in time".to_owned()),
    }
}

fn message(mail: &Mail, channel: &Channel, alerts: &[Alert], now: Timestamp) -> Result<Message, String> {
    let Text { title, body } = text::of(alerts, channel);
    let mailbox = |text: &str| text.parse::<Mailbox>().map_err(|_| format!("`{text}` is no mail address"));
    let at = Duration::from_micros(u64::try_from(now.micros()).unwrap_or(0));
    let from = mailbox(&mail.from)?;
    let id = format!("<{}@{}>", message_id(alerts), from.email.domain());
    let mut builder = Message::builder()
        .from(from)
        .subject(format!("[Bursar] {title}"))
        .date(SystemTime::UNIX_EPOCH + at)
        .message_id(Some(id))
        .header(ContentType::TEXT_PLAIN);
    for to in &mail.to {
        builder = builder.to(mailbox(to)?);
    }
    builder.body(body).map_err(|_| "the mail cannot be written".to_owned())
}

/// Whether a connection ended because nobody vouches for the server.
fn is_untrusted(error: &(dyn Error + 'static)) -> bool {
    let mut at = Some(error);
    while let Some(error) = at {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return matches!(error, rustls::Error::InvalidCertificate(_));
        }
        // An I/O error hides what it was made from: its source is the source of that.
        at = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

fn transport(mail: &Mail) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let parameters =
        || TlsParameters::new(mail.host.clone()).map_err(|_| "TLS cannot be set up for this host".to_owned());
    let tls = match mail.security {
        MailSecurity::None => Tls::None,
        MailSecurity::StartTls => Tls::Required(parameters()?),
        MailSecurity::Tls => Tls::Wrapper(parameters()?),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&mail.host)
        .port(mail.port)
        .tls(tls)
        .timeout(Some(ANSWER));
    if let Some((user, password)) = &mail.login {
        builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
    }
    Ok(builder.build())
}
