//! `[server]` and `[ledger]`: where Bursar listens and where its data lives.

use super::default_key::{self, DefaultKey};
use super::field::{Field, Takes};
use super::section::{Reading, Section, Spot};
use super::surroundings::SecretRef;
use super::words::{Durability, RefusalStatus};
use bursar_core::IpRange;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The fields of `[server]`.
pub(super) const SERVER_FIELDS: &[Field] = &[
    Field::new(
        "listen",
        Takes::Text("an address and a port, such as `\"127.0.0.1:8787\"`"),
        "\"127.0.0.1:8787\"",
        "Where clients and the admin API connect. An address other than loopback is refused unless an admin token is set.",
    ),
    Field::new(
        "admin_listen",
        Takes::Text("an address and a port, such as `\"127.0.0.1:8788\"`"),
        "the same as `listen`",
        "A listener of its own for the admin API, which `listen` then no longer answers.",
    ),
    Field::new(
        "data_dir",
        Takes::Text("a folder, such as `\"/var/lib/bursar\"`"),
        "\"bursar-data\"",
        "The folder of journal, databases and admin token. Created with mode 0700. A relative path starts at the folder of this file.",
    ),
    Field::new(
        "admin_token",
        Takes::Secret,
        "`BURSAR_ADMIN_TOKEN` where it is set, else made at the first start in `data_dir/admin-token`",
        "The token of the admin API.",
    ),
    Field::new(
        "seal_key",
        Takes::Secret,
        "made at the first start in `data_dir`",
        "The key that seals credentials given through the admin API.",
    ),
    Field::new(
        "refusal_status",
        Takes::Word(RefusalStatus::WORDS),
        "\"native\"",
        "The HTTP status of a refusal for a spent budget: what the clients of each API format take as final, or always 402 or 429.",
    ),
    Field::new(
        "drain_s",
        Takes::Integer(0, 3_600),
        "30",
        "Seconds that a shutdown waits for requests in flight before it ends them and settles them as estimated.",
    ),
    Field::new("threads", Takes::Integer(1, 1_024), "one per core", "Threads of the data plane."),
    Field::new(
        "trusted_proxies",
        Takes::List("IP addresses and ranges, such as `\"10.0.0.0/8\"`"),
        "none",
        "Proxies in front of Bursar whose `x-forwarded-for` is believed where a key names the addresses it may be used from.",
    ),
    Field::new(
        "client_timeout_s",
        Takes::Integer(1, 3_600),
        "30",
        "Seconds that a client may keep Bursar waiting: for the head of a request, between two parts of its body, of which it must send 1 kB a second on the whole, and to take the next part of an answer.",
    ),
    Field::new(
        "default_keys",
        Takes::Tables(default_key::FIELDS),
        "none",
        "The keys of clients that send none, such as Ollama's.",
    ),
];

/// The fields of `[ledger]`.
pub(super) const LEDGER_FIELDS: &[Field] = &[Field::new(
    "durability",
    Takes::Word(Durability::WORDS),
    "\"sync\"",
    "`sync`: what a request holds is synced to the disk before it is sent. `fast`: it is written before and synced every 50 ms; a killed process loses nothing, a power cut may forget 50 ms.",
)];

/// `[server]`, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// The listener.
    pub listen: SocketAddr,
    /// The admin API's own listener.
    pub admin_listen: Option<SocketAddr>,
    /// The data folder: absolute, or relative to the process.
    pub data_dir: PathBuf,
    /// An admin token that the operator set.
    pub admin_token: Option<SecretRef>,
    /// The key that seals credentials.
    pub seal_key: Option<SecretRef>,
    /// The status of a spent budget.
    pub refusal_status: RefusalStatus,
    /// Seconds that a shutdown waits.
    pub drain_s: u32,
    /// Threads of the data plane; absent: one per core.
    pub threads: Option<u32>,
    /// Proxies whose `x-forwarded-for` is believed.
    pub trusted_proxies: Vec<IpRange>,
    /// Seconds that a client may keep Bursar waiting.
    pub client_timeout_s: u32,
    /// Keys of clients that send none.
    pub default_keys: Vec<DefaultKey>,
}

/// `[ledger]`, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ledger {
    /// When a journal entry counts as written.
    pub durability: Durability,
}

/// Seconds that a client may take to send unless the file says otherwise: what slow lines need, and no SDK comes near.
const CLIENT_TIMEOUT_S: u32 = 30;

/// The default listener: loopback, port 8787.
#[must_use]
pub const fn default_listen() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8787)
}

pub(super) fn read_server(section: Option<&Section<'_>>, reading: &mut Reading<'_>) -> Server {
    let env_token = reading
        .surroundings
        .environment
        .get("BURSAR_ADMIN_TOKEN")
        .map(|_| SecretRef::Env("BURSAR_ADMIN_TOKEN".to_owned()));
    let Some(section) = section else {
        let data_dir = reading.path("bursar-data");
        return Server {
            listen: default_listen(),
            admin_listen: None,
            data_dir,
            admin_token: env_token,
            seal_key: None,
            refusal_status: RefusalStatus::Native,
            drain_s: 30,
            threads: None,
            trusted_proxies: Vec::new(),
            client_timeout_s: CLIENT_TIMEOUT_S,
            default_keys: Vec::new(),
        };
    };
    let admin_token = section.secret("admin_token", reading).or(env_token);
    let has_token = admin_token.is_some() || section.has("admin_token");
    let listen = address(section, "listen", has_token, reading).unwrap_or_else(default_listen);
    let admin_listen = address(section, "admin_listen", has_token, reading);
    if admin_listen == Some(listen) {
        let place = section.place_of("admin_listen");
        let message = "`server.admin_listen` is the same address as `server.listen`";
        reading.wrong(place, "server.admin_listen", message, "leave it out, or give it a port of its own");
    }
    let data_dir = folder(section.text("data_dir", reading), reading);
    let number = |n: Option<i64>| n.and_then(|n| u32::try_from(n).ok());
    Server {
        listen,
        admin_listen,
        data_dir,
        admin_token,
        seal_key: section.secret("seal_key", reading),
        refusal_status: section
            .word("refusal_status", reading, RefusalStatus::parse)
            .unwrap_or(RefusalStatus::Native),
        drain_s: number(section.integer("drain_s", reading)).unwrap_or(30),
        threads: number(section.integer("threads", reading)),
        trusted_proxies: section.parsed_list("trusted_proxies", super::key::IP_HELP, reading, IpRange::parse),
        client_timeout_s: number(section.integer("client_timeout_s", reading)).unwrap_or(CLIENT_TIMEOUT_S),
        default_keys: default_key::read(section, reading),
    }
}

fn folder(text: Option<Spot<'_>>, reading: &mut Reading<'_>) -> PathBuf {
    match text {
        Some(spot) if spot.text.trim().is_empty() => {
            let help = "name a folder, such as `\"bursar-data\"`";
            reading.wrong(spot.place, "server.data_dir", "`server.data_dir` is empty", help);
            reading.path("bursar-data")
        }
        Some(spot) => reading.path(spot.text),
        None => reading.path("bursar-data"),
    }
}

fn address(
    section: &Section<'_>,
    name: &str,
    has_token: bool,
    reading: &mut Reading<'_>,
) -> Option<SocketAddr> {
    let spot = section.text(name, reading)?;
    let path = section.field(name);
    let text = spot.text.replace("localhost:", "127.0.0.1:");
    let Ok(address) = text.parse::<SocketAddr>() else {
        let message = format!("`{path}` is not an address and a port: `{}`", spot.text);
        let help = "write an IP address and a port, such as `\"127.0.0.1:8787\"` or `\"[::1]:8787\"`";
        reading.wrong(spot.place, path, message, help);
        return None;
    };
    if !address.ip().is_loopback() && !has_token {
        let message = format!("`{path}` opens the admin API to the network and no admin token is set");
        let help = "set `server.admin_token = { env = \"BURSAR_ADMIN_TOKEN\" }`, or listen on `127.0.0.1`";
        reading.wrong(spot.place, path, message, help);
    }
    Some(address)
}

pub(super) fn read_ledger(section: Option<&Section<'_>>, reading: &mut Reading<'_>) -> Ledger {
    let durability = section.and_then(|section| section.word("durability", reading, Durability::parse));
    Ledger { durability: durability.unwrap_or(Durability::Sync) }
}
