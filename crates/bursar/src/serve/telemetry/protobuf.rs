//! The little of Protocol Buffers that OTLP needs: appending fields of four wire types. The encoding is fixed since 2008
//! (<https://protobuf.dev/programming-guides/encoding/>), and OTLP's field numbers since its 1.0.

/// A message that is being written. Fields that have their default value may be left out.
#[derive(Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// `uint32`, `int64`, `bool`, `enum`.
    pub(super) fn varint(&mut self, field: u32, value: u64) {
        self.tag(field, 0);
        self.raw_varint(value);
    }
    /// `fixed64`.
    pub(super) fn fixed64(&mut self, field: u32, value: u64) {
        self.tag(field, 1);
        self.0.extend_from_slice(&value.to_le_bytes());
    }
    /// `fixed32`.
    pub(super) fn fixed32(&mut self, field: u32, value: u32) {
        self.tag(field, 5);
        self.0.extend_from_slice(&value.to_le_bytes());
    }
    /// `double`.
    pub(super) fn double(&mut self, field: u32, value: f64) {
        self.fixed64(field, value.to_bits());
    }
    /// `bytes`.
    pub(super) fn bytes(&mut self, field: u32, value: &[u8]) {
        self.tag(field, 2);
        self.raw_varint(u64::try_from(value.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(value);
    }
    /// `string`; an empty one is left out.
    pub(super) fn text(&mut self, field: u32, value: &str) {
        if !value.is_empty() {
            self.bytes(field, value.as_bytes());
        }
    }
    /// A message within this one.
    pub(super) fn message(&mut self, field: u32, inner: &Self) {
        self.bytes(field, &inner.0);
    }
    /// `repeated fixed64` or `repeated double`, packed, by their bits.
    pub(super) fn packed64(&mut self, field: u32, values: impl IntoIterator<Item = u64>) {
        let bytes: Vec<u8> = values.into_iter().flat_map(u64::to_le_bytes).collect();
        self.bytes(field, &bytes);
    }
    /// The message's bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn tag(&mut self, field: u32, wire_type: u32) {
        self.raw_varint(u64::from(field << 3 | wire_type));
    }
    fn raw_varint(&mut self, mut value: u64) {
        loop {
            let low = u8::try_from(value & 0x7f).unwrap_or(0);
            value >>= 7;
            if value == 0 {
                self.0.push(low);
                return;
            }
            self.0.push(low | 0x80);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_the_encoding_has_them() {
        let mut inner = Message::default();
        // The example of the encoding's own guide: field 1, 150.
        inner.varint(1, 150);
        let mut message = Message::default();
        message.message(3, &inner);
        message.text(2, "testing");
        message.text(4, "");
        message.fixed32(16, 1);
        assert_eq!(
            message.into_bytes(),
            [&[0x1a, 3, 0x08, 0x96, 0x01][..], &[0x12, 7], b"testing", &[0x85, 0x01, 1, 0, 0, 0],].concat()
        );
    }
}
