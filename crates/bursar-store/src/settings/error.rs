//! What can go wrong with a settings row.

use crate::sqlite::{PageError, words::words};

words! {
    /// What an error or an audit entry speaks of.
    Object {
        /// A project.
        Project = "project",
        /// A user.
        User = "user",
        /// A key.
        Key = "key",
        /// A budget.
        Budget = "budget",
        /// A provider.
        Provider = "provider",
        /// A model and its deployments.
        Model = "model",
        /// Price rows that lie over the built-in price book.
        PriceOverlay = "price_overlay",
        /// A channel that alerts go to.
        AlertChannel = "alert_channel",
        /// A provider's credential, named `provider/name`.
        Credential = "credential",
        /// A token of the admin API.
        Token = "token",
        /// A kill switch, named by its scope.
        KillSwitch = "kill_switch",
        /// A throttle, named `provider`, `provider/project` or `provider/project/model`.
        Throttle = "throttle",
        /// A value of the meta table.
        Meta = "meta",
        /// A reservation or window of the ledger that somebody corrected.
        Ledger = "ledger",
        /// The audit itself.
        Audit = "audit",
    }
}

/// Why settings were not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// There is one of that name already.
    #[error("{object} `{name}` exists already")]
    Duplicate {
        /// What.
        object: Object,
        /// Which.
        name: String,
    },
    /// There is none of that name.
    #[error("no {object} `{name}`")]
    NotFound {
        /// What.
        object: Object,
        /// Which.
        name: String,
    },
    /// The row changed since it was read.
    #[error("{object} `{name}` has version {found}, not {expected}: read it again")]
    Stale {
        /// What.
        object: Object,
        /// Which.
        name: String,
        /// The version that the caller has.
        expected: u64,
        /// The version in the file.
        found: u64,
    },
    /// A field cannot be stored as it is.
    #[error("{object} `{name}`: {field} {problem}")]
    Invalid {
        /// What.
        object: Object,
        /// Which.
        name: String,
        /// The field.
        field: &'static str,
        /// What is wrong with it, to be read after the field.
        problem: String,
    },
    /// A cursor that this list did not give out.
    #[error(transparent)]
    Cursor(#[from] PageError),
    /// The file holds what this program never wrote.
    #[error("the settings file is damaged")]
    Corrupt(#[source] rusqlite::Error),
    /// The operating system or SQLite failed: the disk is full, the file is locked, ….
    #[error("cannot read or write the settings file")]
    Io(#[source] rusqlite::Error),
}

impl SettingsError {
    pub(super) fn not_found(object: Object, name: impl Into<String>) -> Self {
        Self::NotFound { object, name: name.into() }
    }
    pub(super) fn invalid(
        object: Object,
        name: impl Into<String>,
        field: &'static str,
        problem: impl Into<String>,
    ) -> Self {
        Self::Invalid { object, name: name.into(), field, problem: problem.into() }
    }
    /// For inserts: a broken uniqueness is a duplicate.
    pub(super) fn insert(object: Object, name: &str, error: rusqlite::Error) -> Self {
        let extended = error.sqlite_error().map(|error| error.extended_code);
        let unique = [rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE, rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY];
        if extended.is_some_and(|code| unique.contains(&code)) {
            return Self::Duplicate { object, name: name.to_owned() };
        }
        error.into()
    }
}

impl From<rusqlite::Error> for SettingsError {
    fn from(error: rusqlite::Error) -> Self {
        if crate::sqlite::is_damage(&error) { Self::Corrupt(error) } else { Self::Io(error) }
    }
}
