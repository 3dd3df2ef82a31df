//! Sound of two channels (RFC 7587, 6.1): Opus decodes to two only where the descriptions say so.

/// Says of the section `mid` of a description that we wrote that its Opus is of two channels, in both directions. Without such a
/// section or without Opus in it the description stays as it is.
#[must_use]
pub fn with_stereo(sdp: &str, mid: &str) -> String {
    let mut out = String::with_capacity(sdp.len() + 64);
    let mut section = String::new();
    for line in sdp.split_inclusive('\n') {
        if line.starts_with("m=") {
            stereo_if(&section, mid, &mut out);
            section.clear();
        }
        section.push_str(line);
    }
    stereo_if(&section, mid, &mut out);
    out
}

fn stereo_if(section: &str, mid: &str, out: &mut String) {
    let is_it = section.lines().any(|line| line.strip_prefix("a=mid:").is_some_and(|m| m.trim() == mid));
    let opus = section.lines().find_map(|line| {
        let (number, codec) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        codec.get(..5)?.eq_ignore_ascii_case("opus/").then_some(number)
    });
    let Some(opus) = opus.filter(|_| is_it) else { return out.push_str(section) };
    let parameters = format!("a=fmtp:{opus} ");
    for line in section.split_inclusive('\n') {
        match line.strip_prefix(&parameters) {
            Some(rest) if !rest.contains("stereo=") => {
                let told = rest.trim_end();
                out.push_str(&format!("{parameters}{told};stereo=1;sprop-stereo=1{}", &rest[told.len()..]));
            }
            _ => out.push_str(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n\
        a=fmtp:111 minptime=10;useinbandfec=1\r\nm=video 9 UDP/TLS/RTP/SAVPF 108\r\na=mid:1\r\na=rtpmap:108 H264/90000\r\n\
        a=fmtp:108 packetization-mode=1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:2\r\na=rtpmap:63 red/48000/2\r\n\
        a=fmtp:63 111/111\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n";

    #[test]
    fn one_section_says_it_and_only_of_opus() {
        let first = with_stereo(SDP, "0");
        assert_eq!(first, SDP.replacen("useinbandfec=1", "useinbandfec=1;stereo=1;sprop-stereo=1", 1));
        assert_eq!(with_stereo(&first, "0"), first, "once is enough");
        let third = with_stereo(SDP, "2");
        assert!(third.ends_with("a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1\r\n"), "{third}");
        assert_eq!(third.matches("stereo=1;sprop-stereo=1").count(), 1);
    }

    #[test]
    fn a_description_without_such_a_section_stays() {
        for (sdp, mid) in [(SDP, "1"), (SDP, "7"), ("", "0"), ("m=", ""), ("a=mid:0\r\na=rtpmap:1 op", "0")] {
            assert_eq!(with_stereo(sdp, mid), sdp);
        }
    }
}
