//! Width and height of an image, read from the header of its file: PNG, JPEG, GIF, WebP.

/// Bytes of a JPEG that are walked to its frame header: behind a colour profile and a preview, never megabytes.
const JPEG_HEADER_MAX: usize = 1024 * 1024;

/// Width and height in pixels. `None` where the bytes are of no known format or break off.
pub(super) fn image_size(mut bytes: impl Iterator<Item = u8>) -> Option<(u32, u32)> {
    let head: [u8; 2] = take(&mut bytes)?;
    let size = match &head {
        [0x89, b'P'] => png(&mut bytes)?,
        [0xff, 0xd8] => jpeg(&mut bytes)?,
        [b'G', b'I'] => gif(&mut bytes)?,
        [b'R', b'I'] => webp(&mut bytes)?,
        _ => return None,
    };
    if size.0 == 0 || size.1 == 0 { None } else { Some(size) }
}

/// Signature, chunk length, `IHDR`, width, height. PNG specification, section 11.2.
fn png(bytes: &mut impl Iterator<Item = u8>) -> Option<(u32, u32)> {
    expect(bytes, b"NG\r\n\x1a\n")?;
    let _length: [u8; 4] = take(bytes)?;
    expect(bytes, b"IHDR")?;
    Some((u32::from_be_bytes(take(bytes)?), u32::from_be_bytes(take(bytes)?)))
}

/// Segments up to the frame header (any `SOF`), which holds height and width. ITU T.81, annex B.
fn jpeg(bytes: &mut impl Iterator<Item = u8>) -> Option<(u32, u32)> {
    let mut walked = 0;
    loop {
        let [lead] = take(bytes)?;
        if lead != 0xff {
            return None;
        }
        let mut marker = 0xff;
        while marker == 0xff {
            [marker] = take(bytes)?;
        }
        if marker == 0x01 || (0xd0..=0xd7).contains(&marker) {
            continue;
        }
        if matches!(marker, 0xd8..=0xda) {
            return None;
        }
        let length = usize::from(u16::from_be_bytes(take(bytes)?));
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            let _precision: [u8; 1] = take(bytes)?;
            let height = u16::from_be_bytes(take(bytes)?);
            let width = u16::from_be_bytes(take(bytes)?);
            return Some((u32::from(width), u32::from(height)));
        }
        let body = length.checked_sub(2)?;
        walked += length;
        if walked > JPEG_HEADER_MAX || (body > 0 && bytes.nth(body - 1).is_none()) {
            return None;
        }
    }
}

/// The logical screen, which every frame lies in. GIF89a, section 18.
fn gif(bytes: &mut impl Iterator<Item = u8>) -> Option<(u32, u32)> {
    let version: [u8; 4] = take(bytes)?;
    if &version != b"F87a" && &version != b"F89a" {
        return None;
    }
    Some((u32::from(u16::from_le_bytes(take(bytes)?)), u32::from(u16::from_le_bytes(take(bytes)?))))
}

/// `VP8 `, `VP8L` or `VP8X`. WebP container specification; RFC 6386 section 9.1; WebP lossless section 3.
fn webp(bytes: &mut impl Iterator<Item = u8>) -> Option<(u32, u32)> {
    expect(bytes, b"FF")?;
    let _size: [u8; 4] = take(bytes)?;
    expect(bytes, b"WEBP")?;
    let kind: [u8; 4] = take(bytes)?;
    let _chunk_size: [u8; 4] = take(bytes)?;
    match &kind {
        b"VP8X" => {
            let _flags: [u8; 4] = take(bytes)?;
            let [a, b, c, d, e, f] = take(bytes)?;
            let plus_one = |low, mid, high| u32::from_le_bytes([low, mid, high, 0]) + 1;
            Some((plus_one(a, b, c), plus_one(d, e, f)))
        }
        b"VP8L" => {
            expect(bytes, &[0x2f])?;
            let bits = u32::from_le_bytes(take(bytes)?);
            Some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
        }
        b"VP8 " => {
            let _tag: [u8; 3] = take(bytes)?;
            expect(bytes, &[0x9d, 0x01, 0x2a])?;
            let side = |pair| u32::from(u16::from_le_bytes(pair) & 0x3fff);
            Some((side(take(bytes)?), side(take(bytes)?)))
        }
        _ => None,
    }
}

fn take<const N: usize>(bytes: &mut impl Iterator<Item = u8>) -> Option<[u8; N]> {
    let mut taken = [0; N];
    for place in &mut taken {
        *place = bytes.next()?;
    }
    Some(taken)
}

fn expect(bytes: &mut impl Iterator<Item = u8>, wanted: &[u8]) -> Option<()> {
    wanted.iter().all(|byte| bytes.next() == Some(*byte)).then_some(())
}

#[cfg(test)]
mod tests {
    use super::image_size;

    fn size(bytes: &[u8]) -> Option<(u32, u32)> {
        image_size(bytes.iter().copied())
    }

    #[test]
    fn sizes_are_read_from_headers() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        png.extend([0, 0, 4, 0, 0, 0, 3, 0]);
        assert_eq!(size(&png), Some((1024, 768)));
        assert_eq!(size(b"GIF89a\x40\x01\xc8\0"), Some((320, 200)));
        let mut jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec();
        jpeg.extend(b"\xff\xff\xc2\0\x11\x08\x04\x38\x07\x80");
        assert_eq!(size(&jpeg), Some((1920, 1080)));
        assert_eq!(size(b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0\x7f\x02\0\xdf\x01\0"), Some((640, 480)));
        assert_eq!(size(b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x80\x02\xe0\x01"), Some((640, 480)));
        let bits: u32 = 639 | (479 << 14);
        let lossless = [b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f".as_slice(), &bits.to_le_bytes()].concat();
        assert_eq!(size(&lossless), Some((640, 480)));
    }

    #[test]
    fn what_is_no_image_has_no_size() {
        for bytes in
            [b"".as_slice(), b"BM", b"\x89PNG\r\n", b"\xff\xd8\xff\xd9", b"GIF89a\0\0\0\0", b"%PDF-1.7"]
        {
            assert_eq!(size(bytes), None);
        }
    }
}
