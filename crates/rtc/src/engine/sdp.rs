//! The little we read of session descriptions ourselves (RFC 8866): which track each media section carries, and the
//! candidates, which take our own way.

use beckon_sdp::SdpError;
use str0m::RtcError;

use crate::ids::{ParticipantSid, TrackSid};
use crate::publication::TrackKind;

/// Why the server's offer or answer is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DescriptionError {
    /// It asks for too much or contradicts itself.
    #[error(transparent)]
    Refused(#[from] SdpError),
    /// It cannot be read, or does not go with what was agreed before.
    #[error("the description does not fit the session: {0}")]
    Unfit(#[from] RtcError),
}

/// A media section of the server's offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) mid: String,
    pub(super) kind: TrackKind,
    /// Who sends which track in it; `None` when nothing is sent.
    pub(super) track: Option<(ParticipantSid, TrackSid)>,
}

/// The audio and video sections of an offer. The server names streams `PA_…|TR_…`.
pub(super) fn sections(sdp: &str) -> Vec<Section> {
    let mut found = Vec::new();
    for part in sdp.split("\nm=").skip(1) {
        let mut lines = part.lines();
        let Some(head) = lines.next() else { continue };
        let mut words = head.split_ascii_whitespace();
        let kind = match words.next() {
            Some("audio") => TrackKind::Audio,
            Some("video") => TrackKind::Video,
            _ => continue,
        };
        let rejected = words.next() == Some("0");
        let (mut mid, mut sends, mut msid) = (None, true, None);
        for line in lines {
            match line.trim_end() {
                "a=recvonly" | "a=inactive" => sends = false,
                line => {
                    if let Some(value) = line.strip_prefix("a=mid:") {
                        mid = Some(value.to_owned());
                    } else if let Some(value) = line.strip_prefix("a=msid:") {
                        msid = Some(value);
                    }
                }
            }
        }
        let Some(mid) = mid else { continue };
        let track = msid.filter(|_| sends && !rejected).and_then(names);
        found.push(Section { mid, kind, track });
    }
    found
}

/// `PA_…|TR_… TR_…`, or `PA_… TR_…`.
fn names(msid: &str) -> Option<(ParticipantSid, TrackSid)> {
    let mut words = msid.split_ascii_whitespace();
    let stream = words.next()?;
    let track = words.next().unwrap_or_default();
    let (participant, in_stream) = stream.split_once('|').unwrap_or((stream, ""));
    let sid = if in_stream.starts_with("TR_") { in_stream } else { track };
    (!sid.is_empty() && !participant.is_empty()).then(|| (participant.into(), sid.into()))
}

/// Takes the candidates out of a description: what is left, and the candidates (without `a=`).
pub(super) fn without_candidates(sdp: &str) -> (String, Vec<String>) {
    let mut left = String::with_capacity(sdp.len());
    let mut candidates = Vec::new();
    for line in sdp.lines() {
        if line.starts_with("a=candidate:") {
            let candidate = line.trim_start_matches("a=").trim_end().to_owned();
            if !candidates.contains(&candidate) {
                candidates.push(candidate);
            }
        } else if !line.starts_with("a=end-of-candidates") {
            left.push_str(line);
            left.push_str("\r\n");
        }
    }
    (left, candidates)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=msid:PA_x|TR_a TR_a\r\na=sendonly\r\n\
        a=candidate:1 1 udp 1 127.0.0.1 7882 typ host\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 108\r\na=mid:2\r\na=msid:PA_x|TR_v TR_v\r\na=inactive\r\n\
        a=candidate:1 1 udp 1 127.0.0.1 7882 typ host\r\na=end-of-candidates\r\n";

    #[test]
    fn an_offer_tells_which_track_is_where() {
        let found = sections(OFFER);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].track, Some(("PA_x".into(), "TR_a".into())));
        assert_eq!((found[1].mid.as_str(), &found[1].track), ("2", &None));
    }

    #[test]
    fn candidates_are_taken_out_once_each() {
        let (left, candidates) = without_candidates(OFFER);
        assert_eq!(candidates, ["candidate:1 1 udp 1 127.0.0.1 7882 typ host"]);
        assert!(!left.contains("candidate") && left.ends_with("a=inactive\r\n"));
    }

    #[test]
    fn garbage_names_nothing() {
        assert!(sections("\nm=\nm=video\nm=audio 9\na=msid:\na=mid:").iter().all(|s| s.track.is_none()));
    }
}
