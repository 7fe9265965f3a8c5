//! Counts replies in what a server sends: WebSocket frames cut anywhere (RFC 6455, section 5.2), never masked.
//!
//! The load generator needs no more of the protocol, and what it does not do, it does not charge to the machine it
//! shares with the server.

use super::audio::FRAME;

/// Where in the stream of frames the last read ended.
#[derive(Default)]
pub(crate) struct Replies {
    header: [u8; 10],
    have: usize,
    /// Payload of the current frame that is still to come, and whether it is data.
    left: u64,
    data: bool,
    bytes: usize,
    /// The server has said goodbye.
    pub(crate) closed: bool,
}

impl Replies {
    /// Takes the next bytes, and tells how many replies they completed.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> usize {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let now = self.left.min(bytes.len() as u64);
                self.left -= now;
                self.bytes += if self.data { now as usize } else { 0 };
                bytes = &bytes[now as usize..];
            } else {
                self.header[self.have] = first;
                self.have += 1;
                bytes = rest;
                self.read_header();
            }
        }
        let replies = self.bytes / FRAME;
        self.bytes %= FRAME;
        replies
    }

    fn read_header(&mut self) {
        let length = match (self.have, self.header[1] & 0x7F) {
            (2, short @ 0..126) => u64::from(short),
            (4, 126) => u64::from(u16::from_be_bytes([self.header[2], self.header[3]])),
            (10, 127) => self.header[2..].iter().fold(0, |length, &byte| length << 8 | u64::from(byte)),
            _ => return,
        };
        let opcode = self.header[0] & 0x0F;
        (self.left, self.data, self.have) = (length, opcode < 8, 0);
        self.closed |= opcode == 8;
    }
}

/// A whole binary message as a client sends it, masked with zeros: the mask changes nothing.
pub(crate) fn message(payload: &[u8; FRAME]) -> Vec<u8> {
    let mut message = vec![0x82, 0x80 | 126, 0, FRAME as u8, 0, 0, 0, 0];
    message.extend_from_slice(payload);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_counted_wherever_the_stream_is_cut() {
        // Two replies with a ping between them, the second in a long header, then a close.
        let mut stream = [&[0x82, 126, 0, 160][..], &[7; 160], &[0x89, 2, 1, 2]].concat();
        stream.extend([&[0x82, 127, 0, 0, 0, 0, 0, 0, 0, 160][..], &[7; 160], &[0x88, 0]].concat());
        for cut in 1..stream.len() {
            let mut replies = Replies::default();
            let counted: usize = stream.chunks(cut).map(|piece| replies.push(piece)).sum();
            assert_eq!((counted, replies.closed), (2, true), "cut every {cut} bytes");
        }
    }
}
