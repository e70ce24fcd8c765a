//! Kill switches that work when the API does not: the file `KILL` in the data directory, and the signals.
//!
//! The file is looked for by `stat` every few milliseconds: that costs less than a thread waking up, needs no facility
//! of the system, and also sees files on network disks.

use super::threads::Threads;
use bursar_control::{KillOrder, State};
use bursar_core::Scope;
use bursar_govern::kill::KillSource;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The file whose presence stops the platform.
pub const KILL_FILE: &str = "KILL";
/// How often the file is looked for: a fifth of the 100 ms in which the last request may still be sent.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often the stored switches are confirmed: thirty times before the state counts as unknown.
const TEND_EVERY: Duration = Duration::from_secs(1);
/// Bytes of the file that are read: a sentence and a word.
const FILE_BYTES_MAX: u64 = 4 * 1024;
/// Bytes of the file's reason: as long as a reason given to the API may be.
const REASON_BYTES_MAX: usize = 512;
/// What the audit trail calls whoever wrote the file.
const FILE_ACTOR: &str = "file KILL";
/// How a file begins that the signal wrote, and that the other signal removes.
const BY_SIGNAL: &str = "signal SIGUSR1";

/// Looks at the file once, then starts the threads that go on looking, and that confirm the stored switches.
///
/// # Errors
/// When a thread cannot be started.
pub(super) fn start(state: &Arc<State>, data_dir: &Path) -> io::Result<Threads> {
    let mut threads = Threads::default();
    let file = data_dir.join(KILL_FILE);
    look(state, &file);
    let looking = Arc::clone(state);
    threads.every(LOOK_EVERY, "kill-file", move || look(&looking, &file))?;
    let tending = Arc::clone(state);
    let mut failures = 0u32;
    threads.every(TEND_EVERY, "kill-state", move || match tending.tend_kills() {
        Ok(()) => failures = 0,
        Err(error) => {
            failures = failures.saturating_add(1);
            if failures.is_power_of_two() {
                tracing::error!(%error, failures, "the kill switches cannot be confirmed");
            }
        }
    })?;
    Ok(threads)
}

/// Brings the data plane in line with the file. What cannot be seen is not confirmed, and so unknown after a while.
fn look(state: &State, path: &Path) {
    match std::fs::metadata(path) {
        Ok(_) => state.kill_locally(KillSource::File, FILE_ACTOR, Some(&read(path))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            state.kill_locally(KillSource::File, FILE_ACTOR, None);
        }
        Err(error) => tracing::debug!(%error, "cannot see whether there is a file KILL"),
    }
}

/// The order that a file gives: its first line is the reason, a second line `cut` ends what is in flight. A file that
/// cannot be read is an order all the same.
fn read(path: &Path) -> KillOrder {
    let mut text = Vec::new();
    let opened = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut text));
    if opened.is_err() {
        text.clear();
    }
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let mut reason = String::new();
    for letter in first.trim().chars().filter(|letter| !letter.is_control()) {
        if reason.len() + letter.len_utf8() > REASON_BYTES_MAX {
            break;
        }
        reason.push(letter);
    }
    if reason.is_empty() {
        reason = "the file KILL is in the data directory".to_owned();
    }
    let cut = lines.next().is_some_and(|line| line.trim() == "cut");
    KillOrder { scope: Scope::Platform, reason, cut, until: None }
}

/// SIGUSR1: stops the platform and ends what is in flight, at once; and writes the file, so that a restart does not
/// start spending again.
pub fn signal_on(state: &State, data_dir: &Path) {
    let reason = format!("{BY_SIGNAL} at {}", state.now());
    let order = KillOrder { scope: Scope::Platform, reason, cut: true, until: None };
    state.kill_locally(KillSource::Signal, BY_SIGNAL, Some(&order));
    let path = data_dir.join(KILL_FILE);
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    match made.and_then(|mut file| writeln!(file, "{}\ncut", order.reason)) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => tracing::error!(%error, "the signal's stop does not survive a restart: no file KILL"),
    }
}

/// SIGUSR2: takes back what SIGUSR1 did. A file that somebody else wrote stays.
pub fn signal_off(state: &State, data_dir: &Path) {
    let path = data_dir.join(KILL_FILE);
    if path.exists() && read(&path).reason.starts_with(BY_SIGNAL) {
        if let Err(error) = remove(&path) {
            tracing::error!(%error, "the file KILL cannot be removed and keeps the stop on");
        }
        look(state, &path);
    }
    state.kill_locally(KillSource::Signal, "signal SIGUSR2", None);
}

fn remove(path: &PathBuf) -> io::Result<()> {
    std::fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(text: &[u8]) -> KillOrder {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join(KILL_FILE);
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn the_first_line_is_the_reason_and_the_second_may_cut() {
        let plain = order(b"runaway agent\n");
        assert_eq!((plain.reason.as_str(), plain.cut), ("runaway agent", false));
        let cut = order("停止 \r\ncut\n".as_bytes());
        assert_eq!((cut.reason.as_str(), cut.cut), ("停止", true));
        assert!(!order(b"cut\n").cut, "a lone word is a reason");
    }

    #[test]
    fn whatever_is_in_the_file_it_is_an_order() {
        for text in [&b""[..], b"\n\n", b"\x00\x07", &[0xff; 9_000]] {
            let order = order(text);
            assert!(!order.reason.is_empty() && order.reason.len() <= REASON_BYTES_MAX, "{order:?}");
        }
        let folder = tempfile::TempDir::new().unwrap();
        assert!(!read(folder.path()).reason.is_empty(), "a folder of that name, too");
    }
}
