//! A Bursar in a folder of its own that goes away with it: for the demonstration and for replaying a trace.

use super::surroundings::random;
use super::wiring::{Running, start};
use crate::config::{Config, Environment, Surroundings};
use crate::exit::Failure;
use bursar_govern::keys::{KEY_PREFIX, PlainSecret};
use bursar_govern::ports::Clock;
use bursar_ledger::{Budget, Standing};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// The variable in which a local configuration finds every fake provider's credential.
pub const CREDENTIAL: &str = "FAKE_PROVIDER_KEY";
/// How long the ledger may take to settle the last answers: each takes microseconds, a busy machine longer.
const QUIET_WITHIN: Duration = Duration::from_secs(10);

/// A key of a local Bursar; its text is drawn at the start.
#[derive(Debug, Clone, Copy)]
pub struct LocalKey {
    /// What lists call it.
    pub name: &'static str,
    /// Who is billed.
    pub project: &'static str,
    /// Whose it is.
    pub user: Option<&'static str>,
}

/// A running Bursar whose data directory is removed at its end.
pub struct Local {
    running: Option<Running>,
    address: SocketAddr,
    keys: Vec<String>,
    // Behind `running`: the folder must outlive the stores in it.
    _folder: TempDir,
}

/// A budget and its windows.
pub type Stand = (Arc<Budget>, Vec<Standing>);

impl Local {
    /// Starts on a free port of 127.0.0.1 with the embedded store. `declared` is the text of a `bursar.toml` without
    /// `[server]` and `[[keys]]`; the credentials in it are the variable [`CREDENTIAL`].
    ///
    /// # Errors
    /// When the folder, the configuration or the start fails.
    pub fn start(declared: &str, keys: &[LocalKey]) -> Result<Self, Failure> {
        let folder = TempDir::with_prefix("bursar-").map_err(anyhow::Error::from)?;
        let mut text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = {:?}\n{declared}\n",
            folder.path().join("data")
        );
        let mut variables = vec![(CREDENTIAL.to_owned(), "sk-fake".to_owned())];
        let users: BTreeSet<&str> = keys.iter().filter_map(|key| key.user).collect();
        for user in users {
            text.push_str(&format!("[users.{user}]\n"));
        }
        let mut secrets = Vec::with_capacity(keys.len());
        for (at, key) in keys.iter().enumerate() {
            let secret = PlainSecret::random(KEY_PREFIX, random).reveal().to_owned();
            let user = key.user.map(|user| format!("user = \"{user}\"\n")).unwrap_or_default();
            let (name, project) = (key.name, key.project);
            text.push_str(&format!(
                "[[keys]]\nname = \"{name}\"\nsecret = {{ env = \"KEY_{at}\" }}\nproject = \"{project}\"\n{user}"
            ));
            variables.push((format!("KEY_{at}"), secret.clone()));
            secrets.push(secret);
        }
        let environment = Environment::new(variables);
        let read_file = |path: &Path| std::fs::read_to_string(path).map_err(|error| error.to_string());
        let surroundings = Surroundings { environment: &environment, read_file: &read_file };
        let checked = Config::read(&text, Path::new("local.toml"), &surroundings).map_err(Failure::failed)?;
        let running = start(&checked.config, &surroundings).map_err(anyhow::Error::from)?;
        Ok(Self { address: running.address, running: Some(running), keys: secrets, _folder: folder })
    }
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
    /// The text of the key at that place of the list it was started with; empty where there is none.
    #[must_use]
    pub fn key(&self, at: usize) -> &str {
        self.keys.get(at).map_or("", String::as_str)
    }
    /// Every budget with its windows, those that hold most first; budgets as they were declared.
    ///
    /// # Errors
    /// When the ledger is down.
    pub fn stands(&self) -> Result<Vec<Stand>, Failure> {
        let Some(running) = &self.running else { return Ok(Vec::new()) };
        let now = super::surroundings::SystemClock.now();
        let mut stands = running
            .ledger
            .look(|engine| {
                engine.budgets().map(|budget| (Arc::clone(budget), Vec::new())).collect::<Vec<_>>()
            })
            .map_err(Failure::failed)?;
        for (budget, windows) in &mut stands {
            *windows = running.ledger.standing(budget.id, now).map_err(Failure::failed)?;
            windows.sort_by_key(|window| {
                std::cmp::Reverse(window.settled.saturating_add(window.suspense).saturating_add(window.held))
            });
        }
        stands.sort_by_key(|(budget, _)| budget.id);
        Ok(stands)
    }
    /// Waits until nothing is held, but not for ever, then where every budget stands.
    ///
    /// # Errors
    /// When the ledger is down.
    pub async fn quiet(&self) -> Result<Vec<Stand>, Failure> {
        let until = tokio::time::Instant::now() + QUIET_WITHIN;
        loop {
            let stands = self.stands()?;
            let held = stands.iter().any(|(_, windows)| windows.iter().any(|window| window.held != 0));
            if !held || tokio::time::Instant::now() >= until {
                return Ok(stands);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown();
        }
    }
}
