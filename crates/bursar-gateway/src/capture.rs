//! Where a request is copied on its way, if its log level asks for it: head and body of what came, of what was answered.

use bursar_core::Attribute;
use bursar_govern::Governor;
use bursar_govern::reservation::Sent;
use bursar_govern::story::Story;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// Begins to copy a request whose caller is known.
pub(crate) fn begin(governor: &Governor, story: &mut Story, headers: &HeaderMap) {
    let project = story.attributes.get(&Attribute::Project);
    story.draft = governor.capturer().begin(project.map(|project| project.as_str()), pairs(headers));
}

/// Copies the client's body.
pub(crate) fn asked(story: &mut Story, body: &[u8]) {
    if let Some(draft) = story.draft.as_mut() {
        draft.asked(body);
    }
}

/// Copies the head of a provider's answer.
pub(crate) fn answered(story: &mut Story, headers: &HeaderMap) {
    if let Some(draft) = story.draft.as_mut() {
        draft.answered(pairs(headers), headers.contains_key(CONTENT_ENCODING));
    }
}

/// Copies pieces of an answer.
pub(crate) fn heard<'a>(sent: &mut Sent, pieces: impl IntoIterator<Item = &'a bytes::Bytes>) {
    if let Some(draft) = sent.story().and_then(|story| story.draft.as_mut()) {
        pieces.into_iter().for_each(|piece| draft.heard(piece));
    }
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &[u8])> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
}
