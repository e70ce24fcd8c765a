//! Alerts by mail over TLS, as servers on the Internet want it: the connection is encrypted before the login, and nobody who
//! is not vouched for is told anything.

use crate::house::priced;
use crate::process::Process;
use crate::receivers::{MailDoor, MailServer};
use crate::upstream_tls::Authority;
use base64::Engine as _;
use bursar_mock::Mock;
use serde_json::{Value, json};

/// Rules: S0-20, C1-19.
#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_over_tls_with_a_login_to_servers_that_are_vouched_for() {
    let (trusted, unknown) = (Authority::new(), Authority::new());
    let acceptor = |authority: &Authority| authority.acceptor("localhost", &[]);
    let starttls = MailServer::behind(MailDoor::StartTls(acceptor(&trusted))).await;
    let tls = MailServer::behind(MailDoor::Tls(acceptor(&trusted))).await;
    let stranger = MailServer::behind(MailDoor::StartTls(acceptor(&unknown))).await;
    let mock = Mock::start(priced()).await.expect("a mock");
    let mut process = Process::new(&mock);
    let mut text = std::fs::read_to_string(process.config()).expect("the configuration");
    for (name, security, server) in
        [("one", "starttls", &starttls), ("two", "tls", &tls), ("three", "starttls", &stranger)]
    {
        text.push_str(&format!(
            "[alerts.{name}]\ntype = \"email\"\nhost = \"localhost\"\nport = {}\nsecurity = \"{security}\"\nuser = \"bursar\"\n\
             password = {{ env = \"SMTP_PASSWORD\" }}\nfrom = \"Bursar <bursar@example.com>\"\nto = [\"ann@example.com\"]\nlanguage = \"zh-TW\"\n",
            server.port
        ));
    }
    std::fs::write(process.config(), text).expect("the configuration is written");
    process.variables = vec![
        ("SMTP_PASSWORD", "mail-secret".to_owned()),
        ("SSL_CERT_FILE", trusted.file().display().to_string()),
    ];
    process.start().await;
    let tested = process.admin("POST", "/alerts/test", &json!({})).await;
    let of = |channel: &str| {
        let items = tested["items"].as_array().expect("items");
        items.iter().find(|item| item["channel"] == channel).expect("a channel").clone()
    };
    assert_eq!((&of("one")["delivered"], &of("two")["delivered"]), (&json!(true), &json!(true)), "{tested}");
    assert_eq!(
        (&of("three")["delivered"], &of("three")["problem"]),
        (&json!(false), &json!("the certificate of the mail server is not trusted")),
        "{tested}"
    );
    process.admin("POST", "/kill", &json!({"scope": "run=r1", "reason": "too fast"})).await;
    let login = base64::engine::general_purpose::STANDARD.encode("\0bursar\0mail-secret");
    for server in [&starttls, &tls] {
        let mails = server.until(2).await;
        for line in
            [&*format!("AUTH PLAIN {login}"), "MAIL FROM:<bursar@example.com>", "RCPT TO:<ann@example.com>"]
        {
            assert!(mails.iter().any(|mail| mail.contains(line)), "{line}: {mails:?}");
        }
        // What is not ASCII is encoded as mail has it (RFC 2047): a reader shows it again.
        let last = &mails[1];
        let (subject, body) = (header(last, "Subject"), last.split_once("\n\n").expect("a body").1);
        assert!(subject.contains("緊急停止已啟用：run=r1"), "{subject}: {last}");
        let body = match header(last, "Content-Transfer-Encoding").as_str() {
            "base64" => decoded(&body.replace('\n', "")),
            "quoted-printable" => unquoted(body),
            _ => body.to_owned(),
        };
        assert!(body.contains("too fast"), "{body}");
    }
    let listed = process.admin("GET", "/alerts", &Value::Null).await;
    assert!(!listed.to_string().contains("mail-secret"), "{listed}");
}

/// A header of a mail, its encoded words decoded.
fn header(mail: &str, name: &str) -> String {
    let mut lines = mail.lines().skip_while(|line| !line.starts_with(&format!("{name}: ")));
    let first = lines.next().unwrap_or_default().split_once(": ").map_or("", |(_, value)| value).to_owned();
    let folded = lines.take_while(|line| line.starts_with(' '));
    let whole = folded.fold(first, |whole, line| whole + line);
    let mut text = String::new();
    for word in whole.split(' ') {
        match word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?=")) {
            Some(word) => text.push_str(&decoded(word)),
            None if text.is_empty() => text.push_str(word),
            None => text.push_str(&format!(" {word}")),
        }
    }
    text
}

fn decoded(text: &str) -> String {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
    String::from_utf8(bytes).expect("text")
}

fn unquoted(text: &str) -> String {
    let text = text.replace("=\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = (*first == b'=').then(|| std::str::from_utf8(behind.get(..2)?).ok()).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).expect("text")
}
