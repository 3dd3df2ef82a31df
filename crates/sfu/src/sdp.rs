//! The few things the room reads from, and changes in, session descriptions as text.

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
    fn nonsense_has_no_sections() {
        assert!(sections("").is_empty());
        assert!(sections("hello\r\na=mid:0\r\n").is_empty());
    }
}
