//! What configuration is read from besides its text: the environment and small files, both given as arguments.

use bursar_govern::seal::Secret;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Environment variables by name. Their values never appear in `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// From names and values.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().collect())
    }
    /// The value of a variable; one that is set to nothing counts as not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
    /// Every variable, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// Where secrets and overrides come from. The binary passes the process's own, tests pass maps.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Environment variables.
    pub environment: &'a Environment,
    /// Reads a small text file; the error is a fragment such as "no such file".
    pub read_file: &'a dyn Fn(&Path) -> Result<String, String>,
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("environment", self.environment).finish_non_exhaustive()
    }
}

/// Where a secret is kept: the only form in which configuration names one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file, whole, without the line break at its end. The path is absolute or relative to the process.
    File(PathBuf),
}

impl SecretRef {
    /// Reads the secret.
    ///
    /// # Errors
    /// A fragment that names the variable or file and never shows a value.
    pub fn resolve(&self, surroundings: &Surroundings<'_>) -> Result<Secret, String> {
        match self {
            Self::Env(name) => match surroundings.environment.get(name) {
                Some(value) => Ok(Secret::new(value)),
                None => Err(format!("the environment variable `{name}` is not set")),
            },
            Self::File(path) => match (surroundings.read_file)(path) {
                Ok(text) if text.trim().is_empty() => Err(format!("the file `{}` is empty", path.display())),
                Ok(text) => Ok(Secret::new(text.trim())),
                Err(problem) => Err(format!("the file `{}` cannot be read: {problem}", path.display())),
            },
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "{{ env = \"{name}\" }}"),
            Self::File(path) => write!(f, "{{ file = \"{}\" }}", path.display()),
        }
    }
}
