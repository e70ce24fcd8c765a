//! Wiring: opens what is on disk, builds the planes over it, and ends them in order.

use super::alerts::channels;
use super::control::ControlPlane;
use super::edges::{self, EdgeError};
use super::first_start::{FirstStartError, admin_token};
use super::install::{InstallError, install};
use super::keeping;
use super::kill_watch;
use super::probing::prober;
use super::reconcile::{Difference, ReconcileError, reconcile};
use super::sealing::{SealingError, sealer};
use super::surroundings::{SystemClock, boot_id, random};
use super::telemetry::{self, Telemetry, TelemetryError};
use super::threads::Threads;
use super::timed_disk::TimedDisk;
use super::watching::{more_checks, observers};
use crate::config::{Config, Durability, RefusalStatus, Surroundings};
use bursar_control::throttle::{Projection, Rules};
use bursar_control::{ControlError, Drainer, Metrics, State, Watcher, backup};
use bursar_core::Timestamp;
use bursar_gateway::intake::Intake;
use bursar_gateway::{Doors, Gateway, Server, StartError};
use bursar_govern::idempotency::Replies;
use bursar_govern::ports::{Clock, Ports};
use bursar_govern::{Directory, Governor};
use bursar_pricing::PriceBook;
use bursar_store::disk::{DiskError, RealDisk};
use bursar_store::journal::Durability as Kept;
use bursar_store::ledger::{Commits, Ledger, LedgerOptions, Recovery, SqliteWindows, WindowStoreError};
use bursar_store::records::{Records, RecordsError};
use bursar_store::settings::Settings;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of a journal segment: at 1 kB a request 60,000 requests; recycled, so it is zeroed once.
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of journal between checkpoints: bounds recovery to well under a second.
const CHECKPOINT_BYTES: u64 = 32 * 1024 * 1024;

/// The operator's own price file in the data directory.
pub const PRICES: &str = backup::PRICES;

/// Why Bursar does not start. Each names what it was about.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data directory.
    #[error("cannot use the data directory {}", path.display())]
    DataDir {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The data directory's files.
    #[error("cannot use the data directory")]
    Disk(#[from] DiskError),
    /// The ledger; also a second process on the same data directory.
    #[error("cannot open the ledger")]
    Ledger(#[from] bursar_store::ledger::OpenError),
    /// Windows that left memory.
    #[error("cannot open the store of cold windows")]
    Windows(#[from] WindowStoreError),
    /// The settings.
    #[error("cannot open the settings")]
    Settings(#[from] bursar_store::OpenError),
    /// The records.
    #[error("cannot open the records")]
    Records(#[from] RecordsError),
    /// The file's objects.
    #[error("cannot bring the settings in line with the file")]
    Reconcile(#[from] ReconcileError),
    /// Providers and models.
    #[error("cannot install the configuration")]
    Install(#[from] InstallError),
    /// The operator's own prices.
    #[error(transparent)]
    Prices(#[from] bursar_pricing::BookError),
    /// Settings or ledger refused what is stored.
    #[error("cannot publish the settings")]
    Publish(#[from] ControlError),
    /// The admin token.
    #[error(transparent)]
    FirstStart(#[from] FirstStartError),
    /// The network around.
    #[error(transparent)]
    Edge(#[from] EdgeError),
    /// The key that seals.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// Telemetry.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The listener.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The workers.
    #[error("cannot start")]
    Start(#[from] StartError),
    /// A thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

/// A running Bursar.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where the admin API listens, when it has a listener of its own.
    pub admin_address: Option<SocketAddr>,
    /// What recovery found.
    pub recovery: Recovery,
    /// What the file changed in the settings.
    pub differences: Vec<Difference>,
    /// What the control plane works on.
    pub state: Arc<State>,
    /// The ledger.
    pub ledger: Arc<Ledger>,
    /// The file with the admin token, where Bursar made it.
    pub admin_token: Option<PathBuf>,
    server: Server,
    control: Arc<ControlPlane>,
    kills: Threads,
    keeping: Threads,
    replies: Arc<Replies>,
    telemetry: Option<Arc<Telemetry>>,
}

/// Starts everything that `config` asks for.
///
/// # Errors
/// See [`ServeError`].
pub fn start(config: &Config, surroundings: &Surroundings<'_>) -> Result<Running, ServeError> {
    start_at(config, surroundings, Arc::new(SystemClock))
}

/// As [`start`], by a clock of the caller's: what a date decides can be tried without waiting for it. Timeouts follow the
/// machine's own clock all the same.
///
/// # Errors
/// See [`ServeError`].
pub fn start_at(
    config: &Config,
    surroundings: &Surroundings<'_>,
    clock: Arc<dyn Clock>,
) -> Result<Running, ServeError> {
    let now = clock.now();
    let data_dir = &config.server.data_dir;
    create_private(data_dir)?;
    let metrics = Arc::new(Metrics::default());
    let (ledger, recovery) = open_ledger(config, &metrics, now)?;
    let settings = Arc::new(Settings::open(&data_dir.join(backup::SETTINGS), now)?);
    create_private(&data_dir.join(backup::RECORDS))?;
    let records = Arc::new(Records::open(&data_dir.join(backup::RECORDS), now)?);
    let differences = reconcile(&settings, config, surroundings, &random, now)?;
    let admin_token = admin_token(&settings, config, surroundings, now)?;
    let mut installed = install(config, surroundings, prices(data_dir)?)?;
    let sealer = sealer(config, surroundings)?;
    installed.sealer = Some(Arc::clone(&sealer));
    let proxies = edges::proxies(surroundings)?;

    let watcher = Watcher::new(Arc::clone(&metrics));
    let told = &config.watching.telemetry;
    let telemetry = Telemetry::start(told, surroundings, Arc::clone(&clock), Arc::clone(&metrics.spans))?;
    let observer = observers(watcher.clone(), telemetry.clone());
    let ports = Ports { clock, random: Arc::new(random), observer };
    let governor = Governor::new(Directory::default(), Arc::clone(&ledger), ports);
    governor.learned().read(&records);
    let bodies = keeping::bodies(data_dir, now);
    let state = State::new(
        Arc::clone(&settings),
        Arc::clone(&governor),
        Arc::clone(&records),
        bodies,
        installed,
        metrics,
    );
    state.watch_by(Arc::clone(&watcher));
    keeping::set_rules(config, &state);
    state.alerts.set_channels(channels(config, surroundings)?);
    state.probe_by(prober(proxies.clone()).map_err(StartError::from)?);
    state.publish()?;
    if let Err(error) = state.recall_key_use() {
        tracing::warn!(%error, "what keys used cannot be read: their limits begin anew");
    }
    // Who was throttled before is throttled again before the first request.
    state.throttle.set_rules(throttle_rules(config));
    state.tend_throttles();
    let drainer = Drainer::new(Arc::clone(&ledger), records, settings, watcher)
        .map_err(ControlError::from)?
        .telling(&state);
    state.check_by(more_checks(&state));
    let replies = Replies::start(Arc::clone(&state.settings), sealer).map_err(ServeError::Thread)?;
    state.repeat_by(Arc::clone(&replies));
    let kills = kill_watch::start(&state, data_dir).map_err(ServeError::Thread)?;
    let keeping = keeping::start(&state, config.retention.tend_s).map_err(ServeError::Thread)?;
    let control = ControlPlane::start(&state, drainer).map_err(ServeError::Thread)?;

    let (listener, address) = listen(config.server.listen)?;
    let admin = config.server.admin_listen.map(listen).transpose()?;
    let admin_address = admin.as_ref().map(|(_, address)| *address);
    let client_wait = Duration::from_secs(u64::from(config.server.client_timeout_s));
    let gateway = Arc::new(Gateway {
        governor,
        control: control.clone(),
        intake: Intake::new(client_wait),
        replies: Arc::clone(&replies),
        refusal_status: match config.server.refusal_status {
            RefusalStatus::Native => bursar_wire::RefusalStatus::Native,
            RefusalStatus::PaymentRequired => bursar_wire::RefusalStatus::Always402,
            RefusalStatus::TooManyRequests => bursar_wire::RefusalStatus::Always429,
        },
        trusted_proxies: config.server.trusted_proxies.clone(),
        default_keys: edges::default_keys(&config.server, surroundings)?,
        proxies,
        client_wait,
        sample_pct: telemetry::sample_pct(told),
    });
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = config.server.threads.and_then(|n| usize::try_from(n).ok()).unwrap_or(cores);
    let doors = Doors {
        clients: &listener,
        admin: admin.as_ref().map(|(listener, _)| listener),
        drain: Duration::from_secs(u64::from(config.server.drain_s)),
    };
    let server = Server::start(&gateway, &doors, workers)?;
    Ok(Running {
        address,
        admin_address,
        recovery,
        differences,
        state,
        ledger,
        admin_token,
        server,
        control,
        kills,
        keeping,
        replies,
        telemetry,
    })
}

/// Brings settings, providers and models in line with a configuration that was read again.
///
/// # Errors
/// See [`ServeError`]; the data plane keeps what it has then.
pub fn reload(config: &Config, surroundings: &Surroundings<'_>, state: &State) -> Result<(), ServeError> {
    let now = state.now();
    let channels = channels(config, surroundings)?;
    let mut installed = install(config, surroundings, prices(&config.server.data_dir)?)?;
    installed.sealer = Some(sealer(config, surroundings)?);
    state.check_prices(&installed)?;
    reconcile(&state.settings, config, surroundings, &random, now)?;
    state.installed.store(Arc::new(installed));
    state.throttle.set_rules(throttle_rules(config));
    keeping::set_rules(config, state);
    state.alerts.set_channels(channels);
    Ok(())
}

/// Checks what a start would install: the operator's price file, and each model's own price over the rows in force.
///
/// # Errors
/// See [`ServeError`].
pub fn check_prices(config: &Config, surroundings: &Surroundings<'_>) -> Result<(), ServeError> {
    install(config, surroundings, prices(&config.server.data_dir)?)?;
    Ok(())
}

fn throttle_rules(config: &Config) -> Rules {
    let declared = &config.throttle;
    Rules {
        enabled: declared.enabled,
        shadow: declared.shadow,
        engage_ratio: declared.engage_ratio,
        release_ratio: declared.release_ratio,
        projection: match declared.projection {
            crate::config::Projection::CalendarDay => Projection::CalendarDay,
            crate::config::Projection::ElapsedFraction => Projection::ElapsedFraction,
        },
        min_elapsed_days: declared.min_elapsed_days,
        min_spend_pct: declared.min_spend_pct,
        evaluate_s: declared.evaluate_s,
    }
}

impl Running {
    /// Stops accepting, lets requests in flight end, drains the journal and closes the ledger. Blocks.
    pub fn shutdown(self) {
        self.state.end_watching();
        self.server.shutdown();
        if self.ledger.commit().is_err() {
            tracing::error!("the last entries could not be written");
        }
        self.control.shutdown();
        self.replies.shutdown();
        self.kills.shutdown();
        self.keeping.shutdown();
        if let Err(error) = self.state.tend_kills() {
            tracing::error!(%error, "the last changes of kill switches are not in the audit trail");
        }
        if let Err(error) = self.ledger.close() {
            tracing::error!(%error, "the ledger did not close in order");
        }
        if let Some(telemetry) = &self.telemetry {
            telemetry.shutdown();
        }
    }
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let listener = TcpListener::bind(address).map_err(|source| ServeError::Listen { address, source })?;
    let address = listener.local_addr().unwrap_or(address);
    Ok((listener, address))
}

/// The built-in price book with the operator's own file over it, where the data directory has one.
fn prices(data_dir: &Path) -> Result<Arc<PriceBook>, ServeError> {
    let path = data_dir.join(PRICES);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Arc::new(PriceBook::builtin().overlay_toml(&text, PRICES)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(Arc::new(PriceBook::builtin().clone()))
        }
        Err(source) => Err(ServeError::DataDir { path, source }),
    }
}

fn open_ledger(
    config: &Config,
    metrics: &Metrics,
    now: Timestamp,
) -> Result<(Arc<Ledger>, Recovery), ServeError> {
    let folder = config.server.data_dir.join(backup::LEDGER);
    create_private(&folder)?;
    let disk = TimedDisk::new(Arc::new(RealDisk::open(&folder)?), Arc::clone(&metrics.ledger));
    let options = LedgerOptions {
        durability: match config.ledger.durability {
            Durability::Sync => Kept::Sync,
            Durability::Fast => Kept::Fast,
        },
        segment_bytes: SEGMENT_BYTES,
        checkpoint_bytes: CHECKPOINT_BYTES,
        boot_id: boot_id(),
        holder: format!("bursar serve, process {}", std::process::id()),
        random: random(),
        commits: Commits::Thread,
    };
    let windows = Arc::new(SqliteWindows::open(&config.server.data_dir.join(backup::WINDOWS), now)?);
    Ok(Ledger::open(disk, windows, &options, now)?)
}

/// Creates a folder that only its owner may enter.
fn create_private(path: &Path) -> Result<(), ServeError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| ServeError::DataDir { path: path.to_owned(), source })
}
