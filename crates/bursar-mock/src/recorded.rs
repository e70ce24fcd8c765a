//! Recorded provider bodies, served byte for byte.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One recorded answer.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Its id, such as `d009`.
    pub id: String,
    /// The provider it was recorded from.
    pub provider: String,
    /// The format's name in the manifest, such as `openai.chat`.
    pub api_format: String,
    /// Whether it is a stream.
    pub stream: bool,
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`, empty where the provider sent none.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
    /// The request body that got this answer, where it was kept.
    pub request: Option<Bytes>,
    /// Input and output tokens that the manifest expects to be read from it, where usage is in it.
    pub expected: Option<(u64, u64)>,
}

/// A folder of recorded answers with its `manifest.json`.
#[derive(Debug, Default)]
pub struct Recorded {
    by_id: BTreeMap<String, Recording>,
}

/// Why a folder of recordings was not read.
#[derive(Debug, thiserror::Error)]
pub enum RecordedError {
    /// A file was not read.
    #[error("cannot read `{path}`")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The manifest is not of the known form.
    #[error("the manifest is not a list of recordings")]
    Manifest(#[from] serde_json::Error),
}

#[derive(serde::Deserialize)]
struct Entry {
    id: String,
    file: String,
    provider: String,
    api_format: String,
    stream: bool,
    status: u16,
    content_type: String,
    request: Request,
    expected: Expected,
}
#[derive(serde::Deserialize)]
struct Request {
    body_file: Option<String>,
}
#[derive(serde::Deserialize)]
struct Expected {
    input: Option<u64>,
    output: Option<u64>,
}

impl Recorded {
    /// Reads the folder's `manifest.json` and all bodies it names (a few megabytes).
    ///
    /// # Errors
    /// See [`RecordedError`].
    pub fn load(folder: &Path) -> Result<Self, RecordedError> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|source| RecordedError::Read { path, source })
        };
        let entries: Vec<Entry> = serde_json::from_slice(&read("manifest.json")?)?;
        let mut by_id = BTreeMap::new();
        for entry in entries {
            let request = match &entry.request.body_file {
                Some(name) => Some(read(name)?.into()),
                None => None,
            };
            let recording = Recording {
                id: entry.id,
                provider: entry.provider,
                api_format: entry.api_format,
                stream: entry.stream,
                status: entry.status,
                content_type: entry.content_type,
                body: read(&entry.file)?.into(),
                request,
                expected: entry.expected.input.zip(entry.expected.output),
            };
            by_id.insert(recording.id.clone(), recording);
        }
        Ok(Self { by_id })
    }
    /// From recordings made in code.
    #[must_use]
    pub fn from_recordings(recordings: impl IntoIterator<Item = Recording>) -> Self {
        Self { by_id: recordings.into_iter().map(|recording| (recording.id.clone(), recording)).collect() }
    }
    /// The recording of that id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Recording> {
        self.by_id.get(id)
    }
    /// All recordings, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Recording> {
        self.by_id.values()
    }
}
