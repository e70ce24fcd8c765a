//! Reading a plain answer whole, up to a size: then its head can still say what it cost.

use crate::limits::COLLECTED_ANSWER_BYTES_MAX;
use crate::upstream_body::UpstreamBody;
use bursar_govern::kill::{Cut, CutBy};
use bursar_govern::reservation::BrokenBy;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use std::collections::VecDeque;
use std::time::Duration;

/// What came of reading an answer whole.
pub(crate) enum Collected {
    /// All of it.
    All(Bytes),
    /// Larger than what is read whole: what came so far, and more follows.
    More(VecDeque<Bytes>),
    /// It broke off after this.
    Broken(VecDeque<Bytes>, BrokenBy),
    /// It was cut after this.
    Cut(VecDeque<Bytes>, CutBy),
}

/// Reads an answer whole, up to [`COLLECTED_ANSWER_BYTES_MAX`]; `came`: called with each part that comes.
pub(crate) async fn collect(
    upstream: &mut UpstreamBody,
    idle: Duration,
    mut cut: Option<&mut Cut>,
    mut came: impl FnMut(),
) -> Collected {
    let mut chunks = VecDeque::new();
    let mut size = 0usize;
    loop {
        let frame = tokio::select! {
            frame = tokio::time::timeout(idle, upstream.frame()) => frame,
            by = cut_of(cut.as_deref_mut()) => return Collected::Cut(chunks, by),
        };
        match frame {
            Err(_) => return Collected::Broken(chunks, BrokenBy::Idle),
            Ok(Some(Err(_))) => return Collected::Broken(chunks, BrokenBy::Upstream),
            Ok(None) => return Collected::All(join(chunks, size)),
            Ok(Some(Ok(frame))) => {
                came();
                if let Ok(chunk) = frame.into_data() {
                    size += chunk.len();
                    chunks.push_back(chunk);
                }
                if size > COLLECTED_ANSWER_BYTES_MAX {
                    return Collected::More(chunks);
                }
            }
        }
    }
}

/// Never ready where nothing can be cut.
async fn cut_of(cut: Option<&mut Cut>) -> CutBy {
    match cut {
        Some(cut) => cut.cut().await,
        None => std::future::pending().await,
    }
}

fn join(mut chunks: VecDeque<Bytes>, size: usize) -> Bytes {
    if chunks.len() < 2 {
        return chunks.pop_front().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(size);
    chunks.iter().for_each(|chunk| whole.extend_from_slice(chunk));
    whole.freeze()
}
