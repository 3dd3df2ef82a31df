//! What a session description (RFC 8866) from the other side may ask of us, before a WebRTC library gets to see it; and what ours
//! says that the library does not ([`with_stereo`]).
//!
//! Descriptions come from outside, on the server as in the app. They are held to limits of size here, and to what such a library
//! takes for granted: that within one connection a payload type has one meaning (RFC 8843, 9.1; RFC 3264, 8.3.2).
#![forbid(unsafe_code)]

mod stereo;

use std::collections::{BTreeMap, BTreeSet};

pub use stereo::with_stereo;

/// Longest description, in bytes. A section of a browser's offer has some 6 kB, an answer's 2 kB.
pub const BYTES_MAX: usize = 1 << 20;
/// Most media sections.
pub const SECTIONS_MAX: usize = 512;
/// Most ICE candidates in all sections together.
pub const CANDIDATES_MAX: usize = 4 * SECTIONS_MAX;
/// Most lines about sources (SSRCs; RFC 5576) in one media section. A browser has up to four for each of six: three layers and
/// their repairs.
pub const SOURCE_LINES_MAX: usize = 64;
/// Most sources that one connection may name in all its descriptions: a library keeps something of each.
pub const SOURCES_MAX: usize = 8 * 1_024;
/// Payload types end here (RFC 3550, 5.1).
pub const PAYLOAD_TYPE_MAX: u8 = 127;

/// Why a description is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    /// More bytes than [`BYTES_MAX`].
    #[error("the description has {bytes} bytes, at most {BYTES_MAX} are taken")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// More media sections than [`SECTIONS_MAX`].
    #[error("the description has more than {SECTIONS_MAX} media sections; use ended ones again")]
    TooManySections,
    /// More candidates than [`CANDIDATES_MAX`].
    #[error("the description has more than {CANDIDATES_MAX} candidates")]
    TooManyCandidates,
    /// More lines than [`SOURCE_LINES_MAX`] about sources.
    #[error("a media section has more than {SOURCE_LINES_MAX} lines about sources")]
    TooManySourceLines,
    /// More sources than [`SOURCES_MAX`], with those of descriptions before.
    #[error("the connection has named more than {SOURCES_MAX} sources; begin a new one")]
    TooManySources,
    /// Not a number from 0 to [`PAYLOAD_TYPE_MAX`].
    #[error("{0:?} is no payload type; they go from 0 to {PAYLOAD_TYPE_MAX}")]
    NoPayloadType(String),
    /// One payload type with two meanings, in this description or in one before.
    #[error("payload type {number} stands for {first} and for {second}; within one connection it can mean only one")]
    TwoMeanings {
        /// The payload type.
        number: u8,
        /// The meaning it had.
        first: String,
        /// The meaning it should have too.
        second: String,
    },
    /// More payload types in one section than there are.
    #[error("a media section lists {0} payload types, more than there are")]
    TooManyPayloadTypes(usize),
}

/// What the other side's payload types mean on one connection, and which sources it has, as it has said so far.
#[derive(Clone, Debug, Default)]
pub struct PayloadTypes {
    codecs: BTreeMap<u8, String>,
    /// Of those that carry repairs (RFC 4588): whose.
    repairs: BTreeMap<u8, u8>,
    sources: BTreeSet<u32>,
}

impl PayloadTypes {
    /// Checks a description, and remembers what its payload types mean. What cannot be read at all is left to the parser that
    /// comes after.
    ///
    /// # Errors
    /// When it asks for too much or contradicts itself or an earlier one. The connection is not to be used any more then.
    pub fn check(&mut self, sdp: &str) -> Result<(), SdpError> {
        if sdp.len() > BYTES_MAX {
            return Err(SdpError::TooLong { bytes: sdp.len() });
        }
        let (mut sections, mut candidates, mut source_lines) = (0, 0, 0);
        for line in sdp.lines() {
            if let Some(media) = line.strip_prefix("m=") {
                sections += 1;
                if sections > SECTIONS_MAX {
                    return Err(SdpError::TooManySections);
                }
                check_media(media)?;
                source_lines = 0;
            } else if line.starts_with("a=ssrc") {
                source_lines += 1;
                if source_lines > SOURCE_LINES_MAX {
                    return Err(SdpError::TooManySourceLines);
                }
                self.source(line)?;
            } else if line.starts_with("a=candidate:") {
                candidates += 1;
                if candidates > CANDIDATES_MAX {
                    return Err(SdpError::TooManyCandidates);
                }
            } else if let Some((number, codec)) = line.strip_prefix("a=rtpmap:").and_then(|l| l.split_once(' ')) {
                self.codec(payload_type(number)?, codec.trim())?;
            } else if let Some((number, parameters)) = line.strip_prefix("a=fmtp:").and_then(|l| l.split_once(' ')) {
                for (name, repaired) in parameters.split(';').filter_map(|p| p.trim().split_once('=')) {
                    if name.eq_ignore_ascii_case("apt") {
                        self.repair(payload_type(number)?, payload_type(repaired)?)?;
                    }
                }
            }
        }
        // Only what is a repair by its codec's name is one.
        let wrong = self.repairs.iter().find_map(|(number, repaired)| {
            let codec = self.codecs.get(number)?;
            (!codec.starts_with("rtx/")).then(|| (*number, codec.clone(), repaired))
        });
        match wrong {
            Some((number, first, repaired)) => {
                Err(SdpError::TwoMeanings { number, first, second: repair_of(*repaired) })
            }
            None => Ok(()),
        }
    }

    fn source(&mut self, line: &str) -> Result<(), SdpError> {
        let source: Option<u32> = line.strip_prefix("a=ssrc:").and_then(|rest| rest.split(' ').next()?.parse().ok());
        self.sources.extend(source);
        if self.sources.len() > SOURCES_MAX { Err(SdpError::TooManySources) } else { Ok(()) }
    }

    fn codec(&mut self, number: u8, codec: &str) -> Result<(), SdpError> {
        // Without channels: some write one channel down and some leave it out.
        let codec: String = codec.split('/').take(2).collect::<Vec<_>>().join("/").to_ascii_lowercase();
        match self.codecs.get(&number) {
            Some(known) if *known != codec => {
                Err(SdpError::TwoMeanings { number, first: known.clone(), second: codec })
            }
            Some(_) => Ok(()),
            None => {
                self.codecs.insert(number, codec);
                Ok(())
            }
        }
    }

    fn repair(&mut self, number: u8, repaired: u8) -> Result<(), SdpError> {
        match self.repairs.insert(number, repaired) {
            Some(known) if known != repaired => {
                Err(SdpError::TwoMeanings { number, first: repair_of(known), second: repair_of(repaired) })
            }
            _ => Ok(()),
        }
    }
}

fn repair_of(repaired: u8) -> String {
    format!("repairs of {repaired}")
}

/// The rest of an `m=` line.
fn check_media(media: &str) -> Result<(), SdpError> {
    let mut words = media.split_ascii_whitespace();
    // Data channels name no payload types there.
    if !matches!(words.next(), Some("audio" | "video")) {
        return Ok(());
    }
    let mut count = 0;
    for number in words.skip(2) {
        payload_type(number)?;
        count += 1;
    }
    if count > usize::from(PAYLOAD_TYPE_MAX) + 1 { Err(SdpError::TooManyPayloadTypes(count)) } else { Ok(()) }
}

fn payload_type(text: &str) -> Result<u8, SdpError> {
    let text = text.trim();
    let number = text.parse().ok().filter(|number| *number <= PAYLOAD_TYPE_MAX);
    number.ok_or_else(|| SdpError::NoPayloadType(text.chars().take(16).collect()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=rtpmap:111 opus/48000/2\r\n\
        a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 97 102\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
        a=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";

    fn checked(sdp: &str) -> Result<(), SdpError> {
        PayloadTypes::default().check(sdp)
    }

    fn two(number: u8, first: &str, second: &str) -> Result<(), SdpError> {
        Err(SdpError::TwoMeanings { number, first: first.into(), second: second.into() })
    }

    #[test]
    fn a_browsers_offer_passes_again_and_again() {
        let mut known = PayloadTypes::default();
        for _ in 0..3 {
            known.check(OFFER).unwrap();
        }
        known.check(&OFFER.to_lowercase()).unwrap();
    }

    #[test]
    fn one_payload_type_for_two_codecs_is_refused() {
        assert_eq!(checked(&OFFER.replace("rtpmap:102", "rtpmap:96")), two(96, "vp8/90000", "h264/90000"));
        assert_eq!(checked(&OFFER.replace("rtpmap:96", "rtpmap:111")), two(111, "opus/48000", "vp8/90000"));
    }

    #[test]
    fn one_payload_type_for_a_codec_and_for_repairs_is_refused() {
        assert_eq!(checked(&OFFER.replace("fmtp:97", "fmtp:102")), two(102, "h264/90000", "repairs of 96"));
        assert_eq!(checked(&OFFER.replace("rtpmap:97", "rtpmap:102")), two(102, "rtx/90000", "h264/90000"));
        let both = "a=fmtp:97 apt=96\r\na=fmtp:97 apt=102\r\n";
        assert_eq!(checked(&OFFER.replace("a=fmtp:97 apt=96\r\n", both)), two(97, "repairs of 96", "repairs of 102"));
        assert_eq!(checked("a=fmtp:97 apt=96;apt=102"), two(97, "repairs of 96", "repairs of 102"));
    }

    #[test]
    fn a_meaning_holds_for_later_descriptions() {
        let mut known = PayloadTypes::default();
        known.check(OFFER).unwrap();
        assert_eq!(known.check("a=rtpmap:97 VP8/90000"), two(97, "rtx/90000", "vp8/90000"));
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for number in ["128", "255", "256", "-1", "x", "99999999999999999999"] {
            let refused = Err(SdpError::NoPayloadType(number.chars().take(16).collect()));
            assert_eq!(checked(&OFFER.replace(" 102\r\n", &format!(" {number}\r\n"))), refused);
            assert_eq!(checked(&format!("a=rtpmap:{number} VP8/90000")), refused);
            assert_eq!(checked(&format!("a=fmtp:97 apt={number}")), refused);
        }
    }

    #[test]
    fn too_much_of_anything_is_refused() {
        assert_eq!(checked(&"x".repeat(BYTES_MAX + 1)), Err(SdpError::TooLong { bytes: BYTES_MAX + 1 }));
        assert_eq!(checked(&"m=audio\n".repeat(SECTIONS_MAX)), Ok(()));
        assert_eq!(checked(&"m=audio\n".repeat(SECTIONS_MAX + 1)), Err(SdpError::TooManySections));
        assert_eq!(checked(&"a=candidate:1\n".repeat(CANDIDATES_MAX)), Ok(()));
        assert_eq!(checked(&"a=candidate:1\n".repeat(CANDIDATES_MAX + 1)), Err(SdpError::TooManyCandidates));
        let lines = format!("m=video\n{}", "a=ssrc:1 cname:x\n".repeat(SOURCE_LINES_MAX));
        assert_eq!(checked(&lines.repeat(2)), Ok(()), "in each section");
        assert_eq!(checked(&format!("{lines}a=ssrc-group:FID 1 2\n")), Err(SdpError::TooManySourceLines));
        let types = format!("m=video 9 P{}", " 96".repeat(129));
        assert_eq!(checked(&types), Err(SdpError::TooManyPayloadTypes(129)));
    }

    #[test]
    fn sources_are_counted_over_all_descriptions_and_each_once() {
        let mut known = PayloadTypes::default();
        let section = |from: usize| {
            let lines: String = (from..from + SOURCE_LINES_MAX).map(|n| format!("a=ssrc:{n} cname:x\r\n")).collect();
            format!("m=video\r\n{lines}")
        };
        for from in (0..SOURCES_MAX).step_by(SOURCE_LINES_MAX) {
            assert_eq!((known.check(&section(from)), known.check(&section(from))), (Ok(()), Ok(())));
        }
        assert_eq!(known.check(&section(SOURCES_MAX - SOURCE_LINES_MAX)), Ok(()));
        assert_eq!(known.check(&section(SOURCES_MAX)), Err(SdpError::TooManySources));
    }

    #[test]
    fn what_cannot_be_read_is_left_to_others() {
        for odd in
            ["", "v=0", "a=ssrc:", "a=ssrc:x y", "a=rtpmap:", "a=fmtp:", "a=fmtp:96", "m=", "m=video", "\u{0}\n\r\r\n"]
        {
            assert_eq!(checked(odd), Ok(()));
        }
    }
}
