//! Microphone and speaker against a real sound server: a private PulseAudio, and a private PipeWire in its place, with null
//! sinks and no hardware.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod graph;
mod server;
mod system_sound;

use std::{
    f32::consts::TAU,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use beckon_media::{
    AudioFrame, AudioSource, MediaTime, SourceError,
    audio_io::{
        DeviceChoice, DeviceEvent, DeviceInfo, IoStats, Microphone, Render, Speaker, level_dbfs, list_microphones,
        list_speakers,
    },
};

use self::{
    server::{Session, pactl},
    system_sound::the_computers_sound_is_what_others_play_and_never_what_we_play,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Tests of each of these, one for each sound server.
macro_rules! with_each_server {
    ($($test:ident)+) => {
        with_each_server!(@ pulseaudio PulseAudio $($test)+);
        with_each_server!(@ pipewire PipeWire $($test)+);
    };
    (@ $module:ident $kind:ident $($test:ident)+) => {
        mod $module {
            $(
                #[test]
                fn $test() {
                    let name = concat!(stringify!($module), "::", stringify!($test));
                    super::server::in_child(super::server::Kind::$kind, name, super::$test);
                }
            )+
        }
    };
}

with_each_server! {
    a_tone_played_is_the_tone_recorded
    what_is_told_of_the_way_is_true
    devices_of_one_channel_and_of_six_carry_the_tone
    a_sound_server_that_hangs_is_told_of_and_holds_nobody_up
    a_sound_server_lost_in_mid_call_comes_back_by_itself
    a_device_pulled_out_in_mid_call_is_replaced_by_the_default_one
    without_a_sound_device_the_error_says_so_and_a_patient_speaker_waits
    the_chosen_device_is_taken_again_when_it_is_back_and_the_default_is_followed
    the_computers_sound_is_what_others_play_and_never_what_we_play
}

/// Polls a condition that only another process can make true.
fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < until, "{what} did not come about in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn tone(hz: f32, amplitude: f32) -> Render {
    let mut n = 0u64;
    Box::new(move |out, _| {
        for pair in out.as_chunks_mut::<2>().0 {
            let v = (TAU * hz * (n % 48_000) as f32 / 48_000.0).sin() * amplitude;
            *pair = [v, v];
            n += 1;
        }
    })
}

fn events() -> (impl FnMut(DeviceEvent) + Send + 'static, mpsc::Receiver<DeviceEvent>) {
    let (tx, rx) = mpsc::channel();
    (move |e| drop(tx.send(e)), rx)
}

/// Pitch in Hz and level in dBFS of one second of sound, on the left.
fn measure(frames: &[AudioFrame]) -> (f32, f32) {
    let samples: Vec<f32> = frames.iter().flat_map(|f| f.samples.iter().step_by(f.channels.into()).copied()).collect();
    let rises: Vec<usize> = (1..samples.len()).filter(|&i| samples[i - 1] < 0.0 && samples[i] >= 0.0).collect();
    let pitch = match (rises.first(), rises.last()) {
        (Some(a), Some(b)) if b > a => (rises.len() - 1) as f32 * 48_000.0 / (b - a) as f32,
        _ => 0.0,
    };
    (pitch, level_dbfs(&samples))
}

/// Waits for a second of sound with this pitch and level.
fn hear(frames: &mpsc::Receiver<AudioFrame>, hz: f32, dbfs: f32) -> Vec<AudioFrame> {
    let until = Instant::now() + PATIENCE;
    let mut last = (0.0, 0.0);
    loop {
        let second: Vec<AudioFrame> =
            (0..100).map_while(|_| frames.recv_timeout(until.saturating_duration_since(Instant::now())).ok()).collect();
        if second.len() == 100 {
            last = measure(&second);
            if (last.0 - hz).abs() < hz * 0.01 && (last.1 - dbfs).abs() < 1.0 {
                return second;
            }
        }
        assert!(Instant::now() < until, "expected {hz} Hz at {dbfs} dBFS, heard {} Hz at {} dBFS last", last.0, last.1);
    }
}

fn report(what: &str, stats: &IoStats) {
    println!("{what}: latency {:?}, {} frames, {} glitches", stats.latency(), stats.frames(), stats.glitches());
}

fn microphone(
    choice: DeviceChoice,
    listener: impl FnMut(DeviceEvent) + Send + 'static,
) -> (beckon_media::RunningSource, mpsc::Receiver<AudioFrame>, IoStats) {
    let (tx, rx) = mpsc::channel();
    let microphone = Microphone::new(choice).on_event(listener);
    let stats = microphone.stats();
    let running = Box::new(microphone).start(Box::new(move |f| drop(tx.send(f)))).unwrap();
    (running, rx, stats)
}

fn a_tone_played_is_the_tone_recorded(session: &Session) {
    let _server = session.start(&["beckon_a", "beckon_b"]);

    let speakers = list_speakers().unwrap();
    assert_eq!(speakers.iter().filter(|d| d.default).count(), 1, "{speakers:?}");
    let b = speakers.iter().find(|d| d.id.ends_with("beckon_b")).unwrap();
    let microphones = list_microphones().unwrap();
    let ears = microphones.iter().find(|d| d.id.ends_with("beckon_b.monitor")).unwrap();
    assert!(ears.loopback && !b.loopback);

    let (listener, told) = events();
    let speaker = Speaker::open(DeviceChoice::Id(b.id.clone()), tone(440.0, 0.5), listener).unwrap();
    let opened = told.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(opened, DeviceEvent::Opened { rate: 48_000, again: false, .. }), "{opened:?}");
    let (running, frames, stats) = microphone(DeviceChoice::Id(ears.id.clone()), |_| ());

    let heard = hear(&frames, 440.0, -9.03);
    for f in &heard {
        assert_eq!((f.samples.len(), f.channels), (480, 1));
    }
    for pair in heard.windows(2) {
        let step = pair[1].capture.nanos_since(pair[0].capture);
        assert!((5_000_000..100_000_000).contains(&step), "10 ms frames have times about 10 ms apart: {step} ns");
    }
    report("speaker", &speaker.stats());
    report("microphone", &stats);
    assert!(speaker.stats().latency() < Duration::from_millis(200), "{:?}", speaker.stats().latency());
    assert!(stats.latency() < Duration::from_millis(200), "{:?}", stats.latency());
    running.stop();
    speaker.close();
}

/// How much later than the loudspeaker was to play it a click is captured from what it plays, ms; a click every 300 ms.
fn captured_after_it_was_heard() -> Vec<f64> {
    let (clicked, clicks) = mpsc::channel();
    let mut n = 0u64;
    let render: Render = Box::new(move |out, heard| {
        out.fill(0.0);
        if n.is_multiple_of(30) {
            [out[0], out[1]] = [0.9; 2];
            let _ = clicked.send(heard);
        }
        n += 1;
    });
    let speaker = Speaker::open(DeviceChoice::Default, render, |_| ()).unwrap();
    let (running, frames, stats) = microphone(DeviceChoice::Default, |_| ());
    let (mut off, mut sent) = (Vec::new(), Vec::new());
    while off.len() < 25 {
        let frame = frames.recv_timeout(PATIENCE).unwrap();
        sent.extend(clicks.try_iter());
        let Some(at) = frame.samples.iter().position(|s| *s > 0.3) else { continue };
        let captured = frame.capture + Duration::from_micros(at as u64 * 1_000_000 / 48_000);
        let ms = |heard: &MediaTime| captured.nanos_since(*heard) as f64 / 1e6;
        off.extend(sent.iter().map(ms).min_by(|a, b| a.abs().total_cmp(&b.abs())));
    }
    report("speaker", &speaker.stats());
    report("microphone", &stats);
    println!("captured after it was heard, ms: {off:.1?}");
    running.stop();
    speaker.close();
    off
}

fn what_is_told_of_the_way_is_true(session: &Session) {
    let _server = session.start(&["beckon_a"]);
    // The first ones tell of a way that nobody knows yet.
    let off = captured_after_it_was_heard();
    assert!(off[10..].iter().all(|ms| ms.abs() < 100.0), "{off:?}");
}

fn devices_of_one_channel_and_of_six_carry_the_tone(session: &Session) {
    let _server = session.start(&["beckon_mono channels=1", "beckon_surround channels=6"]);
    for name in ["beckon_mono", "beckon_surround"] {
        let choice = |end: &str| DeviceChoice::Id(format!("pulseaudio:{name}{end}"));
        let speaker = Speaker::open(choice(""), tone(440.0, 0.5), |_| ()).unwrap();
        let (running, frames, _) = microphone(choice(".monitor"), |_| ());
        hear(&frames, 440.0, -9.03);
        running.stop();
        speaker.close();
    }
}

fn a_sound_server_that_hangs_is_told_of_and_holds_nobody_up(session: &Session) {
    let server = session.start(&["beckon_a"]);
    let (listener, told) = events();
    let speaker = Speaker::open(DeviceChoice::Default, tone(440.0, 0.5), listener).unwrap();
    assert!(matches!(told.recv_timeout(PATIENCE).unwrap(), DeviceEvent::Opened { .. }));
    server.signal("STOP");
    let lost = told.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(lost, DeviceEvent::Lost(SourceError::Unplugged { .. })), "{lost:?}");
    let listed = list_speakers();
    assert!(matches!(listed, Err(SourceError::Device { .. })), "{listed:?}");

    server.signal("CONT");
    let again = told.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(again, DeviceEvent::Opened { again: true, .. }), "{again:?}");
    server.signal("STOP");
    let begun = Instant::now();
    speaker.close();
    assert!(begun.elapsed() < Duration::from_secs(5), "closed after {:?}", begun.elapsed());
    server.signal("CONT");
}

fn a_sound_server_lost_in_mid_call_comes_back_by_itself(session: &Session) {
    let server = session.start(&["beckon_a"]);
    let (listener, speaker_told) = events();
    let speaker = Speaker::open(DeviceChoice::Default, tone(700.0, 0.25), listener).unwrap();
    let (listener, microphone_told) = events();
    let (running, frames, stats) = microphone(DeviceChoice::Default, listener);
    hear(&frames, 700.0, -15.05);
    report("speaker", &speaker.stats());

    drop(server);
    for told in [&speaker_told, &microphone_told] {
        let opened = told.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(opened, DeviceEvent::Opened { again: false, .. }), "{opened:?}");
        let lost = told.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(lost, DeviceEvent::Lost(SourceError::Unplugged { .. })), "{lost:?}");
    }

    let _server = session.start(&["beckon_other"]);
    for told in [&speaker_told, &microphone_told] {
        let again = told.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(again, DeviceEvent::Opened { again: true, .. }), "{again:?}");
    }
    while frames.try_recv().is_ok() {}
    hear(&frames, 700.0, -15.05);
    let more: Vec<DeviceEvent> = speaker_told.try_iter().chain(microphone_told.try_iter()).collect();
    assert_eq!((stats.losses(), speaker.stats().losses()), (1, 1), "{more:?}");
    running.stop();
}

fn a_device_pulled_out_in_mid_call_is_replaced_by_the_default_one(session: &Session) {
    let server = session.start(&["beckon_builtin", "beckon_headset"]);
    let id = |of: Vec<DeviceInfo>, end: &str| {
        DeviceChoice::Id(of.into_iter().find(|d| d.id.ends_with(end)).map(|d| d.id).unwrap())
    };
    let speaker = id(list_speakers().unwrap(), "beckon_headset");
    let speaker = Speaker::open(speaker, tone(550.0, 0.25), |_| ()).unwrap();
    let (running, frames, _) = microphone(id(list_microphones().unwrap(), "beckon_headset.monitor"), |_| ());
    hear(&frames, 550.0, -15.05);

    server.pull("beckon_headset");
    wait_for("the headset to be gone", || list_speakers().unwrap().iter().all(|d| !d.id.ends_with("beckon_headset")));
    while frames.try_recv().is_ok() {}
    // Whether the sound server moves both streams by itself or we open them anew is its business: both are on the
    // default device now, and the one hears the other.
    hear(&frames, 550.0, -15.05);
    running.stop();
    speaker.close();
}

fn without_a_sound_device_the_error_says_so_and_a_patient_speaker_waits(session: &Session) {
    // No server at all, then one without devices.
    let absent = || {
        let error = Speaker::open(DeviceChoice::Default, tone(440.0, 0.5), |_| ()).err().unwrap();
        assert!(matches!(error, SourceError::Absent { .. }), "{error:?}");
        let microphone = Box::new(Microphone::new(DeviceChoice::Default));
        let error = microphone.start(Box::new(|_| ())).err().unwrap();
        assert!(matches!(error, SourceError::Absent { .. }), "{error:?}");
        assert!(error.to_string().contains("plug one in"), "{error}");
    };
    absent();
    let server = session.start(&[]);
    absent();
    // What a speaker plays is no microphone, though the server takes it for the default one.
    server.plug("beckon_lonely");
    let microphone = Box::new(Microphone::new(DeviceChoice::Default)).start(Box::new(|_| ()));
    assert!(matches!(microphone.err(), Some(SourceError::Absent { .. })));
    assert!(list_microphones().unwrap().iter().all(|d| d.loopback && !d.default));
    server.pull("beckon_lonely");
    wait_for("no speaker", || list_speakers().unwrap().is_empty());

    let calls = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let count = calls.clone();
    let render: Render = Box::new(move |out, _| {
        out.fill(0.0);
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    });
    let (listener, told) = events();
    let speaker = Speaker::open_when_available(DeviceChoice::Default, render, listener).unwrap();
    let lost = told.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(lost, DeviceEvent::Lost(SourceError::Absent { .. })), "{lost:?}");
    wait_for("rendering without a device", || calls.load(std::sync::atomic::Ordering::Relaxed) > 20);
    assert_eq!(speaker.stats().frames(), 0);
    drop(server);
    let _server = session.start(&["beckon_late"]);
    let opened = told.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(opened, DeviceEvent::Opened { .. }), "{opened:?}");
    wait_for("the device to take sound", || speaker.stats().frames() > 20);
}

fn the_chosen_device_is_taken_again_when_it_is_back_and_the_default_is_followed(session: &Session) {
    let headset = "beckon_headset sink_properties=device.description=headset";
    let server = session.start(&["beckon_builtin", headset]);
    let id = || list_speakers().unwrap().into_iter().find(|d| d.id.ends_with("beckon_headset")).map(|d| d.id);
    let (listener, told) = events();
    let chosen = Speaker::open(DeviceChoice::Id(id().unwrap()), tone(550.0, 0.25), listener).unwrap();
    let (listener, told_default) = events();
    let default = Speaker::open(DeviceChoice::Default, tone(550.0, 0.25), listener).unwrap();
    let opened = |told: &mpsc::Receiver<DeviceEvent>| loop {
        if let DeviceEvent::Opened { label, stands_in, .. } = told.recv_timeout(PATIENCE).unwrap() {
            return (label.contains("headset"), stands_in);
        }
    };
    assert_eq!(opened(&told), (true, false));
    assert_eq!(opened(&told_default), (false, false));

    server.pull("beckon_headset");
    assert_eq!(opened(&told), (false, true), "another one stands in");
    server.plug(headset);
    assert_eq!(opened(&told), (true, false), "the chosen one is back");

    while told_default.try_recv().is_ok() {}
    pactl(&["set-default-sink", "beckon_headset"]);
    while opened(&told_default) != (true, false) {}
    chosen.close();
    default.close();
}
