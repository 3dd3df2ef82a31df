//! The few things the room reads from, and changes in, session descriptions as text.

use beckon_sdp::SdpError;

/// Why a client's offer or answer is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DescriptionError {
    /// It asks for too much or contradicts itself.
    #[error(transparent)]
    Refused(#[from] SdpError),
    /// It is no session description.
    #[error("the description cannot be read: {0}")]
    Unreadable(String),
    /// It does not go with what was agreed before.
    #[error("the description does not fit the session: {0}")]
    Unfit(#[from] str0m::RtcError),
}

/// An `m=` section of a session description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// `audio`, `video` or `application`.
    pub kind: String,
    /// `a=mid`.
    pub mid: String,
    /// Track id: the second word of `a=msid`.
    pub track_id: Option<String>,
    /// Whether the writer of the description sends media in it.
    pub sends: bool,
}

/// Reads the sections of a description that a client sent. Anything odd is skipped; the description
/// itself is checked elsewhere.
pub(crate) fn sections(sdp: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut session_sends = true;
    for line in sdp.lines().map(str::trim_end) {
        if let Some(rest) = line.strip_prefix("m=") {
            let kind = rest.split(' ').next().unwrap_or_default().to_owned();
            sections.push(Section { kind, mid: String::new(), track_id: None, sends: session_sends });
            continue;
        }
        let Some(attribute) = line.strip_prefix("a=") else { continue };
        let sends = match attribute {
            "sendrecv" | "sendonly" => Some(true),
            "recvonly" | "inactive" => Some(false),
            _ => None,
        };
        let Some(section) = sections.last_mut() else {
            session_sends = sends.unwrap_or(session_sends);
            continue;
        };
        if let Some(sends) = sends {
            section.sends = sends;
        } else if let Some(mid) = attribute.strip_prefix("mid:") {
            section.mid = mid.trim().to_owned();
        } else if let Some(msid) = attribute.strip_prefix("msid:") {
            section.track_id = msid.split(' ').nth(1).map(str::to_owned);
        }
    }
    sections
}

/// A client's description with no more candidates than are `left`; those it has are taken off. The rest is of no use: an ICE-lite
/// server learns where its client is from checks.
pub(crate) fn with_few_candidates(sdp: &str, left: &mut usize) -> String {
    let taken = |line: &&str| {
        if !line.starts_with("a=candidate:") {
            return true;
        }
        let taken = *left > 0;
        *left = left.saturating_sub(1);
        taken
    };
    sdp.split_inclusive('\n').filter(taken).collect()
}

/// Gives the section `mid` of a description we wrote another stream and track id, for a section
/// that is used again for another track.
pub(crate) fn rename_track(sdp: &str, mid: &str, stream_id: &str, track_id: &str) -> String {
    let mut out = String::with_capacity(sdp.len() + 64);
    // Sections are told apart by a line within them, so each is gathered before it is written.
    let mut section = String::new();
    for line in sdp.split_inclusive('\n') {
        if line.starts_with("m=") {
            out.push_str(&renamed(&section, mid, stream_id, track_id));
            section.clear();
        }
        section.push_str(line);
    }
    out.push_str(&renamed(&section, mid, stream_id, track_id));
    out
}

fn renamed(section: &str, mid: &str, stream_id: &str, track_id: &str) -> String {
    let is_it = section.lines().any(|l| l.strip_prefix("a=mid:").is_some_and(|m| m.trim() == mid));
    if !is_it {
        return section.to_owned();
    }
    section
        .split_inclusive('\n')
        .map(|line| {
            if line.starts_with("a=msid:") {
                format!("a=msid:{stream_id} {track_id}\r\n")
            } else if let Some((ssrc, _)) = line.strip_prefix("a=ssrc:").and_then(|l| l.split_once(" msid:")) {
                format!("a=ssrc:{ssrc} msid:{stream_id} {track_id}\r\n")
            } else {
                line.to_owned()
            }
        })
        .collect()
}

/// Puts a codec (and its repair stream) first in the section `mid` of an answer: of the codecs both
/// sides can do, the offerer sends the first.
pub(crate) fn prefer_codec(sdp: &str, mid: &str, codec: &str) -> String {
    let mut out = String::with_capacity(sdp.len());
    for section in split_sections(sdp) {
        let is_it = section.lines().any(|l| l.strip_prefix("a=mid:").is_some_and(|m| m.trim() == mid));
        match section.split_once("\r\n").filter(|_| is_it) {
            Some((media, attributes)) => {
                out.push_str(&codec_first(media, attributes, codec));
                out.push_str("\r\n");
                out.push_str(attributes);
            }
            None => out.push_str(section),
        }
    }
    out
}

/// The `m=` line with the payload types of a codec in front.
fn codec_first(media: &str, attributes: &str, codec: &str) -> String {
    let mut preferred: Vec<&str> = Vec::new();
    for line in attributes.lines() {
        if let Some((pt, name)) = line.strip_prefix("a=rtpmap:").and_then(|l| l.split_once(' '))
            && name.split('/').next().is_some_and(|n| n.eq_ignore_ascii_case(codec))
        {
            preferred.push(pt);
        }
    }
    let repairs: Vec<&str> = attributes
        .lines()
        .filter_map(|l| l.strip_prefix("a=fmtp:")?.split_once(" apt="))
        .filter(|(_, apt)| preferred.contains(&apt.trim()))
        .map(|(pt, _)| pt)
        .collect();
    preferred.extend(repairs);
    let words: Vec<&str> = media.split(' ').collect();
    let (head, types) = words.split_at(words.len().min(3));
    let (first, rest): (Vec<&str>, Vec<&str>) = types.iter().partition(|t| preferred.contains(t));
    [head, &first, &rest].concat().join(" ")
}

/// The session part, then each `m=` section.
fn split_sections(sdp: &str) -> impl Iterator<Item = &str> {
    let mut rest = sdp;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find("\r\nm=").map_or(rest.len(), |at| at + 2);
        let (section, after) = rest.split_at(end);
        rest = after;
        Some(section)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
        a=sendonly\r\na=msid:stream-a cid-a\r\na=ssrc:5 msid:stream-a cid-a\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=inactive\r\na=msid:- cid-v\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n";

    #[test]
    fn sections_tell_mid_track_and_direction() {
        let s = sections(OFFER);
        assert_eq!(s.len(), 3);
        assert_eq!((s[0].mid.as_str(), s[0].track_id.as_deref(), s[0].sends), ("0", Some("cid-a"), true));
        assert_eq!((s[1].kind.as_str(), s[1].track_id.as_deref(), s[1].sends), ("video", Some("cid-v"), false));
        assert_eq!(s[2].kind, "application");
    }

    #[test]
    fn only_the_section_meant_is_renamed() {
        let renamed = rename_track(OFFER, "0", "PA_1|TR_2", "TR_2");
        assert!(renamed.contains("a=msid:PA_1|TR_2 TR_2\r\na=ssrc:5 msid:PA_1|TR_2 TR_2\r\nm=video"));
        assert!(renamed.contains("a=msid:- cid-v\r\n"));
        assert_eq!(rename_track(OFFER, "7", "x", "y"), OFFER);
    }

    #[test]
    fn the_preferred_codec_and_its_repairs_come_first() {
        let answer = "v=0\r\nm=audio 9 P 111\r\na=mid:0\r\nm=video 9 P 96 97 108 109\r\na=mid:1\r\n\
            a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
            a=rtpmap:108 H264/90000\r\na=rtpmap:109 rtx/90000\r\na=fmtp:109 apt=108\r\n";
        let preferred = prefer_codec(answer, "1", "h264");
        assert_eq!(preferred, answer.replace("96 97 108 109", "108 109 96 97"));
        assert_eq!(prefer_codec(answer, "1", "av1"), answer);
        assert_eq!(prefer_codec(answer, "9", "h264"), answer);
        assert_eq!(prefer_codec("m=", "", "x"), "m=");
    }

    #[test]
    fn candidates_are_taken_as_long_as_any_are_left() {
        let candidate = |n: u8| format!("a=candidate:{n} 1 udp 1 10.0.0.{n} 9 typ host\r\n");
        let sdp = format!("v=0\r\n{}{}a=mid:0\r\n{}", candidate(1), candidate(2), candidate(3));
        let mut left = 5;
        assert_eq!(with_few_candidates(&sdp, &mut left), sdp);
        assert_eq!(with_few_candidates(&sdp, &mut left), sdp.replace(&candidate(3), ""));
        assert_eq!(with_few_candidates(&sdp, &mut left), "v=0\r\na=mid:0\r\n");
        assert_eq!(left, 0);
    }

    #[test]
    fn nonsense_has_no_sections() {
        assert!(sections("").is_empty());
        assert!(sections("hello\r\na=mid:0\r\n").is_empty());
    }
}
