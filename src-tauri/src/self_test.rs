//! `--self-test`: what the app needs on this machine, and whether it is there.

use std::process::ExitCode;

use beckon_media::{
    FramePool, MediaTime,
    audio_io::{list_microphones, list_speakers},
    camera::list_cameras,
    codec::{EncoderConfig, OpusConfig, OpusEncoder, VideoEncoder},
};

/// One line of the report; `needed` ones decide the result.
struct Finding {
    what: &'static str,
    needed: bool,
    outcome: Result<String, String>,
}

/// Prints the report.
pub fn run() -> ExitCode {
    println!("Beckon {}", env!("CARGO_PKG_VERSION"));
    let findings = [
        Finding { what: "H.264 encoder", needed: true, outcome: h264() },
        Finding { what: "Opus encoder", needed: true, outcome: opus() },
        Finding {
            what: "cameras",
            needed: false,
            outcome: names(list_cameras().map(|l| l.into_iter().map(|d| d.label).collect())),
        },
        Finding {
            what: "microphones",
            needed: false,
            outcome: names(list_microphones().map(|l| l.into_iter().map(|d| d.label).collect())),
        },
        Finding {
            what: "loudspeakers",
            needed: false,
            outcome: names(list_speakers().map(|l| l.into_iter().map(|d| d.label).collect())),
        },
        Finding { what: "web view", needed: true, outcome: tauri::webview_version().map_err(|e| e.to_string()) },
    ];
    let mut works = true;
    for Finding { what, needed, outcome } in findings {
        let sign = match (&outcome, needed) {
            (Ok(_), _) => "ok     ",
            (Err(_), false) => "missing",
            (Err(_), true) => "FAILED ",
        };
        works &= outcome.is_ok() || !needed;
        println!("{sign}  {what}: {}", outcome.unwrap_or_else(|why| why));
    }
    if works { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn h264() -> Result<String, String> {
    let mut encoder = VideoEncoder::new(EncoderConfig::new(320, 180, 200_000)).map_err(|e| e.to_string())?;
    let name = encoder.name().to_owned();
    let frame = FramePool::new().get(320, 180).freeze(MediaTime::now());
    encoder.encode(&frame, true).map_err(|e| format!("{name}: {e}"))?;
    Ok(name)
}

fn opus() -> Result<String, String> {
    OpusEncoder::new(OpusConfig::default()).map(|_| "libopus".to_owned()).map_err(|e| e.to_string())
}

fn names<E: std::fmt::Display>(list: Result<Vec<String>, E>) -> Result<String, String> {
    match list {
        Ok(list) if list.is_empty() => Err("none".to_owned()),
        Ok(list) => Ok(list.join(", ")),
        Err(error) => Err(error.to_string()),
    }
}
