//! What every command gets: the surroundings, the clock's reading, where to speak, and the options that all share.

use crate::client::Client;
use crate::config::{self, Checked, Config, Environment, Report, Secret, SecretRef, Server, Surroundings};
use crate::console::Console;
use crate::exit::Failure;
use bursar_core::Timestamp;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The file that is read where no other is named.
pub const CONFIG_FILE: &str = "bursar.toml";

/// What every command gets.
pub struct Context<'a> {
    /// Environment variables.
    pub environment: &'a Environment,
    /// The streams.
    pub console: Console<'a>,
    /// The instant at which the command began.
    pub now: Timestamp,
    /// Whether data is asked for as JSON.
    pub json: bool,
    /// `--config`.
    pub config: Option<PathBuf>,
}

impl Context<'_> {
    /// Where secrets and overrides come from.
    #[must_use]
    pub fn surroundings(&self) -> Surroundings<'_> {
        Surroundings { environment: self.environment, read_file: &read_small }
    }
    /// The configuration file: `--config`, `BURSAR_CONFIG`, or `bursar.toml` where there is one.
    #[must_use]
    pub fn config_file(&self) -> Option<PathBuf> {
        let named = || self.environment.get("BURSAR_CONFIG").map(PathBuf::from);
        let usual = || Some(PathBuf::from(CONFIG_FILE)).filter(|path| path.exists());
        self.config.clone().or_else(named).or_else(usual)
    }
    /// Reads and checks the whole configuration; without a file, what the environment says.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_config(&self) -> Result<Result<Checked, Report>, Failure> {
        match self.config_file() {
            Some(path) => Ok(Config::read(&read_text(&path)?, &path, &self.surroundings())),
            None => Ok(Config::from_environment(&self.surroundings())),
        }
    }
    /// The checked configuration. Warnings are said; mistakes are printed.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn checked_config(&mut self) -> Result<Config, Failure> {
        match self.read_config()? {
            Ok(checked) => {
                if !checked.warnings.items.is_empty() {
                    self.console.say(&checked.warnings.to_string());
                }
                Ok(checked.config)
            }
            Err(report) => {
                self.console.say(&report.to_string());
                Err(Failure::Silent)
            }
        }
    }
    /// A client of the admin API: by `url`, `BURSAR_URL`, or where the configuration says that the server listens.
    ///
    /// # Errors
    /// When no address or no token is known.
    pub fn client(&self, url: Option<&str>) -> Result<Client, Failure> {
        let named = url.or_else(|| self.environment.get("BURSAR_URL"));
        let token = self.environment.get("BURSAR_ADMIN_TOKEN").map(Secret::new);
        if let (Some(url), Some(token)) = (named, &token) {
            return Client::new(url, token.clone());
        }
        let server = self.server()?;
        let url = named.map_or_else(|| server_url(&server), str::to_owned);
        let token = token.map_or_else(|| self.token_of(&server), Ok)?;
        Client::new(&url, token)
    }
    /// What the configuration says of the server, whose secrets may not be known here.
    ///
    /// # Errors
    /// When the file cannot be read or its `[server]` has a mistake.
    pub fn server(&self) -> Result<Server, Failure> {
        let (text, path) = match self.config_file() {
            Some(path) => (read_text(&path)?, path),
            None => (String::new(), PathBuf::new()),
        };
        config::read_server_alone(&text, &path, &self.surroundings()).map_err(|report| {
            let first = report.items.first().map(|item| item.message.clone()).unwrap_or_default();
            Failure::failed(format!("`{}` does not say where the server is: {first}", path.display()))
                .hint("`bursar check` names every mistake")
        })
    }
    fn token_of(&self, server: &Server) -> Result<Secret, Failure> {
        let file = server.data_dir.join("admin-token");
        let place = server.admin_token.clone().unwrap_or(SecretRef::File(file));
        place.resolve(&self.surroundings()).map_err(|problem| {
            Failure::failed(format!("no admin token: {problem}"))
                .hint("set `BURSAR_ADMIN_TOKEN`, or name the server's configuration with `--config`")
        })
    }
}

/// The base URL of a server on this machine.
fn server_url(server: &Server) -> String {
    let listen = server.admin_listen.unwrap_or(server.listen);
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

/// Reads a text file; the error names it.
///
/// # Errors
/// When it cannot be read or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::failed(format!("`{}` cannot be read: {}", path.display(), reason(&error))))
}

/// Longest file of a secret: keys and tokens have tens of bytes, service accounts under 3 kB.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

fn read_small(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| reason(&error))?.len();
    if size > SECRET_BYTES_MAX {
        return Err(format!("it has more than {SECRET_BYTES_MAX} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| reason(&error))
}

/// An I/O error without the number that the standard library adds.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
