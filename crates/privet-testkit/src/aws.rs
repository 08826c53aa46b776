//! AWS's framing of streams, as a provider writes it.

/// One message of `application/vnd.amazon.eventstream` with text headers.
///
/// # Panics
/// If a name is longer than 255 bytes, or a value than 65,535.
#[must_use]
pub fn aws_message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in headers {
        head.push(u8::try_from(name.len()).expect("a short name"));
        head.extend(name.as_bytes());
        head.push(7);
        head.extend(u16::try_from(value.len()).expect("a short value").to_be_bytes());
        head.extend(value.as_bytes());
    }
    let number = |length: usize| u32::try_from(length).expect("a short message").to_be_bytes();
    let mut message = [number(16 + head.len() + payload.len()), number(head.len())].concat();
    message.extend(crc32(&message).to_be_bytes());
    message.extend(head);
    message.extend(payload);
    message.extend(crc32(&message).to_be_bytes());
    message
}

/// CRC-32 (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                (sum >> 1) ^ 0xEDB8_8320
            } else {
                sum >> 1
            };
        }
    }
    !sum
}
