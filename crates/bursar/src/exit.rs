//! How a command ends: done, failed, refused, or not understood; and the exit codes for each.

use std::fmt;
use std::process::ExitCode;

/// Why a command did not do what was asked. Printed once, by [`crate::cli`].
#[derive(Debug)]
pub enum Failure {
    /// Something broke or was not there. Exit code 1.
    Failed {
        /// What and why, outermost first.
        error: anyhow::Error,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A deliberate no. Exit code 2.
    Refused {
        /// The reason, with its numbers.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The command line was not understood. Exit code 64.
    Usage {
        /// What was not understood.
        message: String,
    },
    /// Everything was said already: only the exit code 1 is left.
    Silent,
    /// Standard output was closed by its reader, as `head` does: no failure.
    Closed,
}

impl Failure {
    /// A failure in one sentence.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self::Failed { error: anyhow::anyhow!("{message}"), hint: None }
    }
    /// A deliberate no in one sentence.
    pub fn refused(message: impl fmt::Display) -> Self {
        Self::Refused { message: message.to_string(), hint: None }
    }
    /// A command line that cannot be understood.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::Usage { message: message.to_string() }
    }
    /// With what to do about it.
    #[must_use]
    pub fn hint(self, text: impl fmt::Display) -> Self {
        match self {
            Self::Failed { error, .. } => Self::Failed { error, hint: Some(text.to_string()) },
            Self::Refused { message, .. } => Self::Refused { message, hint: Some(text.to_string()) },
            Self::Usage { .. } | Self::Silent | Self::Closed => self,
        }
    }
    /// The exit code.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Failed { .. } | Self::Silent => 1,
            Self::Refused { .. } => 2,
            Self::Usage { .. } => 64,
        }
    }
    /// The exit code for the process.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed { error, hint: None }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Self::Closed
        } else {
            Self::Failed { error: error.into(), hint: None }
        }
    }
}
