//! When the test card's beeps are heard, for `cargo xtask bench lips`: `beeps SOURCE` listens to a source of the sound server (a
//! sink's monitor, for what that plays) and prints the beginning of each beep, UNIX time in ms by the server's own account of its
//! delay, until it is ended.

use std::error::Error;
use std::sync::mpsc;

use beckon_media::AudioSource;
use beckon_media::audio_io::{DeviceChoice, Microphone};
use beckon_media::clock::unix_time_of;
use beckon_media::testcard::BeepDetector;

fn main() -> Result<(), Box<dyn Error>> {
    let source = std::env::args().nth(1).ok_or("which source is to be listened to?")?;
    let (out, frames) = mpsc::channel();
    let microphone = Box::new(Microphone::new(DeviceChoice::Id(format!("pulseaudio:{source}"))));
    let _running = microphone.start(Box::new(move |frame| drop(out.send(frame))))?;
    let mut beeps = BeepDetector::new();
    for frame in frames {
        if let Some(begun) = beeps.listen(&frame, frame.capture) {
            println!("{:.1}", unix_time_of(begun) as f64 / 1000.0);
        }
    }
    Err(format!("{source} gives no sound any more").into())
}
