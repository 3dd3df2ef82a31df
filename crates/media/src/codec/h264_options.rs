//! What each H.264 encoder is told, in its own words.

/// No delay, no B frames, constrained baseline, an IDR picture when asked for: each encoder in its own words.
pub(super) fn options_of(name: &str) -> &'static [(&'static str, &'static str)] {
    match name {
        "libx264" => &[
            ("preset", "superfast"),
            ("tune", "zerolatency"),
            ("profile", "baseline"),
            ("forced-idr", "1"),
            ("sc_threshold", "0"),
        ],
        "libopenh264" => &[("profile", "constrained_baseline"), ("rc_mode", "bitrate"), ("allow_skip_frames", "0")],
        "h264_nvenc" => &[
            ("preset", "p3"),
            ("tune", "ull"),
            ("profile", "baseline"),
            ("rc", "cbr"),
            ("zerolatency", "1"),
            ("delay", "0"),
            ("forced-idr", "1"),
        ],
        "h264_qsv" => &[
            ("preset", "veryfast"),
            ("profile", "baseline"),
            ("async_depth", "1"),
            ("forced_idr", "1"),
            ("look_ahead", "0"),
        ],
        "h264_amf" => {
            &[("usage", "ultralowlatency"), ("profile", "constrained_baseline"), ("rc", "cbr"), ("forced_idr", "1")]
        }
        "h264_mf" => &[("rate_control", "cbr"), ("scenario", "video_conference"), ("hw_encoding", "1")],
        "h264_videotoolbox" => &[("profile", "constrained_baseline"), ("realtime", "1"), ("allow_sw", "0")],
        _ => &[],
    }
}

/// The lowest level (ITU-T H.264 table A-1) that allows this size and rate, as FFmpeg writes it.
pub fn h264_level_for(width: u32, height: u32, fps: u32) -> &'static str {
    let blocks = u64::from(width.div_ceil(16)) * u64::from(height.div_ceil(16));
    let per_second = blocks * u64::from(fps);
    // Macroblocks per second, per picture.
    const LEVELS: [(&str, u64, u64); 12] = [
        ("1.1", 3_000, 396),
        ("1.2", 6_000, 396),
        ("1.3", 11_880, 396),
        ("2.1", 19_800, 792),
        ("2.2", 20_250, 1_620),
        ("3.0", 40_500, 1_620),
        ("3.1", 108_000, 3_600),
        ("3.2", 216_000, 5_120),
        ("4.0", 245_760, 8_192),
        ("4.2", 522_240, 8_704),
        ("5.1", 983_040, 36_864),
        ("5.2", 2_073_600, 36_864),
    ];
    LEVELS.iter().find(|(_, rate, size)| per_second <= *rate && blocks <= *size).map_or("6.2", |(level, ..)| level)
}
