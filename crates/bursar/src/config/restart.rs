//! What a reload cannot change: fields that the process reads at its start alone.

use super::{Config, Ledger, Log, Server, Telemetry, Watching};

impl Config {
    /// The fields of `[server]`, `[ledger]`, `[log]` and `[telemetry]` that differ from those of the start.
    #[must_use]
    pub fn needs_restart(&self, started: &Self) -> Vec<&'static str> {
        let Watching { log, telemetry } = &self.watching;
        let of = [
            server(&self.server, &started.server),
            ledger(&self.ledger, &started.ledger),
            log_fields(log, &started.watching.log),
            telemetry_fields(telemetry, &started.watching.telemetry),
        ];
        of.concat()
    }
}

/// The names of those that differ.
fn differing(fields: &[(&'static str, bool)]) -> Vec<&'static str> {
    fields.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect()
}

fn server(now: &Server, then: &Server) -> Vec<&'static str> {
    let Server {
        listen,
        admin_listen,
        data_dir,
        admin_token,
        seal_key,
        refusal_status,
        drain_s,
        threads,
        trusted_proxies,
        client_timeout_s,
        default_keys,
    } = now;
    differing(&[
        ("server.listen", *listen != then.listen),
        ("server.admin_listen", *admin_listen != then.admin_listen),
        ("server.data_dir", *data_dir != then.data_dir),
        ("server.admin_token", *admin_token != then.admin_token),
        ("server.seal_key", *seal_key != then.seal_key),
        ("server.refusal_status", *refusal_status != then.refusal_status),
        ("server.drain_s", *drain_s != then.drain_s),
        ("server.threads", *threads != then.threads),
        ("server.trusted_proxies", *trusted_proxies != then.trusted_proxies),
        ("server.client_timeout_s", *client_timeout_s != then.client_timeout_s),
        ("server.default_keys", *default_keys != then.default_keys),
    ])
}

fn ledger(now: &Ledger, then: &Ledger) -> Vec<&'static str> {
    let Ledger { durability } = now;
    differing(&[("ledger.durability", *durability != then.durability)])
}

fn log_fields(now: &Log, then: &Log) -> Vec<&'static str> {
    let Log { format, level } = now;
    differing(&[("log.format", *format != then.format), ("log.level", *level != then.level)])
}

fn telemetry_fields(now: &Telemetry, then: &Telemetry) -> Vec<&'static str> {
    let Telemetry { endpoint, authorization, headers, service_name, sample_pct, metrics } = now;
    differing(&[
        ("telemetry.endpoint", *endpoint != then.endpoint),
        ("telemetry.authorization", *authorization != then.authorization),
        ("telemetry.headers", *headers != then.headers),
        ("telemetry.service_name", *service_name != then.service_name),
        ("telemetry.sample_pct", *sample_pct != then.sample_pct),
        ("telemetry.metrics", *metrics != then.metrics),
    ])
}
