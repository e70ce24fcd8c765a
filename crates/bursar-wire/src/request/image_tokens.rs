//! How many tokens a model makes of an image at most, by the rules that its vendor documents (read 2026-11).

/// An image inside a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Image {
    /// Width and height in pixels, where the header of the inline data tells.
    pub size: Option<(u32, u32)>,
    /// How closely the model is asked to look.
    pub detail: Detail,
}

/// How closely a model is asked to look at an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Detail {
    /// OpenAI's `low`, Gemini's `MEDIA_RESOLUTION_LOW`.
    Low,
    /// Anything else, and nothing: the model may look as closely as it can.
    #[default]
    Full,
}

/// A vendor's rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rule {
    /// OpenAI: a base, and a count for each tile of 512 pixels of an image scaled into 2048 and to a short side of 768.
    Tiles {
        /// Tokens of the overview.
        base: u64,
        /// Tokens of one tile.
        tile: u64,
    },
    /// OpenAI: patches of 32 pixels, at most `patches`, times hundredths.
    Patches {
        /// The most patches of an image.
        patches: u64,
        /// Tokens of a hundred patches.
        hundredths: u64,
    },
    /// OpenAI from GPT-5: tiles in some models, patches in others; the larger.
    Gpt5,
    /// Anthropic: patches of 28 pixels or pixels / 750, at most `cap`.
    Claude {
        /// The most tokens of an image.
        cap: u64,
    },
    /// Gemini up to 2.x: 258 for each tile.
    GeminiTiles,
    /// Gemini from 3: by media resolution.
    GeminiResolution,
    /// No rule known: the largest that an open model documents (Qwen-VL, 16,384).
    Unknown,
}

/// The most tokens that `model` makes of `image`.
#[must_use]
pub fn image_tokens(model: &str, image: Image) -> u64 {
    match Rule::of(model) {
        Rule::Tiles { base, .. } if image.detail == Detail::Low => base,
        Rule::Tiles { base, tile } => base + tile * image.size.map_or(8, openai_tiles),
        Rule::Patches { patches, hundredths } => openai_patches(image.size, patches, hundredths),
        Rule::Gpt5 => {
            let tiles = 70 + 140 * image.size.map_or(8, openai_tiles);
            tiles.max(openai_patches(image.size, GPT5_PATCHES, GPT5_HUNDREDTHS))
        }
        Rule::Claude { cap } => image.size.map_or(cap, |(width, height)| {
            let pixels = u64::from(width) * u64::from(height);
            squares((width, height), 28).max(pixels.div_ceil(750)).min(cap)
        }),
        Rule::GeminiTiles => 258 * image.size.map_or(GEMINI_TILES_MAX, gemini_tiles),
        Rule::GeminiResolution if image.detail == Detail::Low => 280,
        Rule::GeminiResolution => 2240,
        Rule::Unknown => 16_384,
    }
}

impl Rule {
    fn of(model: &str) -> Self {
        // `openai/gpt-4o` at a router, `us.anthropic.claude-…` at Bedrock.
        let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
        let has = |part: &str| name.contains(part);
        if has("gpt-4o-mini") {
            Self::Tiles { base: 2833, tile: 5667 }
        } else if has("gpt-4.1-mini") {
            Self::Patches { patches: 1536, hundredths: 162 }
        } else if has("gpt-4.1-nano") {
            Self::Patches { patches: 1536, hundredths: 246 }
        } else if has("o4-mini") || has("codex-mini") {
            Self::Patches { patches: 1536, hundredths: 172 }
        } else if has("gpt-4") || has("chatgpt-4o") {
            Self::Tiles { base: 85, tile: 170 }
        } else if name.starts_with("o1") || name.starts_with("o3") {
            Self::Tiles { base: 75, tile: 150 }
        } else if has("computer-use-preview") {
            Self::Tiles { base: 65, tile: 129 }
        } else if has("gpt-") {
            Self::Gpt5
        } else if has("claude") {
            Self::Claude { cap: if before_opus_4_7(&name) { 1600 } else { 4784 } }
        } else if has("gemini-1") || has("gemini-2") {
            Self::GeminiTiles
        } else if has("gemini") {
            Self::GeminiResolution
        } else {
            Self::Unknown
        }
    }
}

/// Claude models of 1,568 pixels a side: the third generation and the fourth up to 4.6.
fn before_opus_4_7(name: &str) -> bool {
    let old_fourth = |series: &str| {
        let Some((_, version)) = name.split_once(series) else { return false };
        let minor = version.strip_prefix(['-', '.']).unwrap_or_default();
        let minor: String = minor.chars().take_while(char::is_ascii_digit).collect();
        // No minor version, or a date in its place, is 4.0.
        minor.is_empty() || minor.len() > 2 || minor.parse::<u32>().is_ok_and(|minor| minor < 7)
    };
    ["claude-3", "claude-2"].iter().any(|old| name.contains(old))
        || ["claude-opus-4", "claude-sonnet-4", "claude-haiku-4"].iter().any(|series| old_fourth(series))
}

/// The largest documented budget of patches (`detail: original`).
const GPT5_PATCHES: u64 = 10_000;
/// The largest documented factor of any of OpenAI's models; those of the family are 1.2 to 1.5.
const GPT5_HUNDREDTHS: u64 = 246;

fn openai_patches(size: Option<(u32, u32)>, patches: u64, hundredths: u64) -> u64 {
    (size.map_or(patches, |size| squares(size, 32).min(patches)) * hundredths).div_ceil(100)
}

/// Squares of `side` pixels that cover an image.
fn squares((width, height): (u32, u32), side: u32) -> u64 {
    u64::from(width.div_ceil(side)) * u64::from(height.div_ceil(side))
}

/// Tiles of an image scaled down into 2048 x 2048, then to a short side of 768. At most 4 x 2.
fn openai_tiles((width, height): (u32, u32)) -> u64 {
    let (long, short) = (u64::from(width.max(height)).max(1), u64::from(width.min(height)).max(1));
    let fitted = long.min(2048);
    let fitted_short = (short * fitted).div_ceil(long);
    let (long, short) =
        if fitted_short > 768 { ((long * 768).div_ceil(short), 768) } else { (fitted, fitted_short) };
    (long.div_ceil(512) * short.div_ceil(512)).min(8)
}

/// The tiles of a 8000 x 8000 image, with an overview.
const GEMINI_TILES_MAX: u64 = 122;

/// One tile up to 384 pixels; else crops of two thirds of the short side, 256 to 768 pixels, with an overview.
fn gemini_tiles((width, height): (u32, u32)) -> u64 {
    if width <= 384 && height <= 384 {
        return 1;
    }
    let crop = (width.min(height) * 2 / 3).clamp(256, 768);
    squares((width, height), crop) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(model: &str, size: Option<(u32, u32)>, detail: Detail) -> u64 {
        image_tokens(model, Image { size, detail })
    }

    #[test]
    fn documented_examples_are_bounded_closely() {
        for (model, size, documented) in [
            ("gpt-4o", (1024, 1024), 765),
            ("gpt-4o", (2048, 4096), 1105),
            ("openai/gpt-4o-mini", (128, 64), 8500),
            ("gpt-4.1-mini", (1024, 1024), 1659),
            ("o3", (128, 64), 225),
            ("gpt-5", (128, 64), 210),
            ("claude-sonnet-4-5-20250929", (1092, 1092), 1590),
            ("claude-opus-4-7", (2000, 1500), 4000),
            ("gemini-2.0-flash", (384, 384), 258),
            ("gemini-2.5-pro", (960, 540), 1548),
            ("gemini-3-pro", (4000, 3000), 2240),
        ] {
            let bound = tokens(model, Some(size), Detail::Full);
            assert!(bound >= documented, "{model} {size:?}: {bound} < {documented}");
            assert!(bound <= documented * 5 / 4, "{model} {size:?}: {bound} is far above {documented}");
        }
        assert_eq!(tokens("gpt-4o", None, Detail::Low), 85);
    }

    #[test]
    fn an_unknown_size_is_the_providers_maximum() {
        for model in [
            "gpt-4o",
            "gpt-4o-mini",
            "gpt-4.1-nano",
            "gpt-5",
            "claude-opus-4-7",
            "gemini-2.5-flash",
            "qwen3-vl",
        ] {
            let unknown = tokens(model, None, Detail::Full);
            for size in [(1, 1), (513, 513), (1568, 1568), (2576, 2576), (8000, 8000), (8000, 100)] {
                assert!(unknown >= tokens(model, Some(size), Detail::Full), "{model} {size:?}");
            }
        }
    }

    #[test]
    fn generations_of_claude_are_told_apart() {
        for old in [
            "claude-3-haiku-20240307",
            "claude-opus-4-1-20250805",
            "claude-sonnet-4-20250514",
            "claude-sonnet-4",
            "anthropic/claude-sonnet-4.6",
        ] {
            assert_eq!(Rule::of(old), Rule::Claude { cap: 1600 }, "{old}");
        }
        for new in ["claude-opus-4-7", "claude-opus-4-8", "claude-sonnet-5"] {
            assert_eq!(Rule::of(new), Rule::Claude { cap: 4784 }, "{new}");
        }
    }
}
