//! The text of generated tokens: a fixed cycle of short words, so that token counts and texts agree everywhere.

use std::sync::LazyLock;

/// One token each, as it stands inside a JSON string: mostly ASCII, some not, one with an escape.
const WORDS: [&str; 32] = [
    " the", " sum", " of", " every", " hold", " stays", " below", " its", " limit", ",", " and", " what",
    " came", " back", " is", " settled", ".", " Grüße", " from", " 東", "京", "\\n", " no", " cent", " is",
    " lost", " or", " counted", " twice", ";", " so", " it",
];
/// Tokens of the precomputed text; longer texts repeat it.
const CYCLE: u64 = 4096;

struct Cycle {
    text: String,
    ends: Vec<usize>,
}

static TEXT: LazyLock<Cycle> = LazyLock::new(|| {
    let mut text = String::new();
    let mut ends = vec![0];
    for word in WORDS.iter().cycle().take(usize::try_from(CYCLE).unwrap_or(0)) {
        text.push_str(word);
        ends.push(text.len());
    }
    Cycle { text, ends }
});

fn end(cycle: &Cycle, token: u64) -> usize {
    usize::try_from(token).ok().and_then(|at| cycle.ends.get(at)).copied().unwrap_or(cycle.text.len())
}

/// Appends the text of tokens `from..upto`, escaped for the inside of a JSON string.
pub(crate) fn push(out: &mut Vec<u8>, from: u64, upto: u64) {
    let cycle = &*TEXT;
    let mut at = from;
    while at < upto {
        let start = at % CYCLE;
        let stop = (start + (upto - at)).min(CYCLE);
        let piece = cycle.text.get(end(cycle, start)..end(cycle, stop)).unwrap_or_default();
        out.extend_from_slice(piece.as_bytes());
        at += stop - start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(from: u64, upto: u64) -> String {
        let mut out = b"\"".to_vec();
        push(&mut out, from, upto);
        out.push(b'"');
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn pieces_make_up_the_whole_across_the_cycle() {
        let whole = text(0, 10_000);
        let pieces: String = (0..100).map(|i| text(i * 100, (i + 1) * 100)).collect();
        assert_eq!(whole, pieces);
        assert!(text(0, 57).contains("Grüße from 東京\n"));
        assert_eq!(text(5, 5), "");
    }
}
