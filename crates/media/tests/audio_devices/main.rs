//! Microphone and speaker against a real sound server: a private PulseAudio with null sinks, no hardware.
//!
//! cpal finds its server by environment variables, which a test must not change in its own process. So each test
//! here starts itself again as a child with the variables set, and the child does the work.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod system_sound;

use std::{
    env,
    f32::consts::TAU,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use beckon_media::{
    AudioFrame, AudioSource, SourceError,
    audio_io::{
        DeviceChoice, DeviceEvent, DeviceInfo, IoStats, Microphone, Render, Speaker, level_dbfs, list_microphones,
        list_speakers,
    },
};

/// Set in the child: the socket of its sound server.
const SOCKET: &str = "BECKON_TEST_PULSE_SOCKET";
const PATIENCE: Duration = Duration::from_secs(30);

struct Pulse {
    child: Child,
}

impl Pulse {
    fn start(socket: &Path, sinks: &[&str]) -> Self {
        let folder = socket.parent().unwrap();
        let mut command = Command::new("pulseaudio");
        command
            .args(["--daemonize=no", "--exit-idle-time=-1", "-n", "--use-pid-file=no", "--disable-shm=yes"])
            .arg("--high-priority=no")
            .arg(format!("--load=module-native-protocol-unix socket={} auth-anonymous=1", socket.display()));
        for sink in sinks {
            command.arg(format!("--load=module-null-sink sink_name={sink} rate=48000"));
        }
        let child = command
            .env("HOME", folder)
            .env("XDG_RUNTIME_DIR", folder)
            .env_remove("PULSE_SERVER")
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pulse = Self { child };
        wait_for("PulseAudio's socket", || std::os::unix::net::UnixStream::connect(socket).is_ok());
        pulse
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Polls a condition that only another process can make true.
fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < until, "{what} did not come about in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// In the parent: runs this very test in a child that sees only a private sound server's socket, and returns `None`.
/// In the child: the socket.
fn in_child(test: &str) -> Option<PathBuf> {
    if let Some(socket) = env::var_os(SOCKET) {
        return Some(socket.into());
    }
    if Command::new("pulseaudio").arg("--version").output().is_err() {
        eprintln!("SKIPPED {test}: the program `pulseaudio` is not installed");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("native");
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(SOCKET, &socket)
        .env("PULSE_SERVER", format!("unix:{}", socket.display()))
        .env("XDG_RUNTIME_DIR", folder.path())
        .env("HOME", folder.path())
        .env_remove("PULSE_RUNTIME_PATH")
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the child failed:\n{text}");
    print!("{text}");
    None
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

/// Pitch in Hz and level in dBFS of one second of sound.
fn measure(frames: &[AudioFrame]) -> (f32, f32) {
    let samples: Vec<f32> = frames.iter().flat_map(|f| f.samples.iter().copied()).collect();
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

#[test]
fn a_tone_played_is_the_tone_recorded() {
    let Some(socket) = in_child("a_tone_played_is_the_tone_recorded") else { return };
    let _pulse = Pulse::start(&socket, &["beckon_a", "beckon_b"]);

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

#[test]
fn devices_of_one_channel_and_of_six_carry_the_tone() {
    let Some(socket) = in_child("devices_of_one_channel_and_of_six_carry_the_tone") else { return };
    let _pulse = Pulse::start(&socket, &["beckon_mono channels=1", "beckon_surround channels=6"]);
    for name in ["beckon_mono", "beckon_surround"] {
        let choice = |end: &str| DeviceChoice::Id(format!("pulseaudio:{name}{end}"));
        let speaker = Speaker::open(choice(""), tone(440.0, 0.5), |_| ()).unwrap();
        let (running, frames, _) = microphone(choice(".monitor"), |_| ());
        hear(&frames, 440.0, -9.03);
        running.stop();
        speaker.close();
    }
}

#[test]
fn a_sound_server_that_hangs_is_told_of_and_holds_nobody_up() {
    let Some(socket) = in_child("a_sound_server_that_hangs_is_told_of_and_holds_nobody_up") else { return };
    let pulse = Pulse::start(&socket, &["beckon_a"]);
    let (listener, told) = events();
    let speaker = Speaker::open(DeviceChoice::Default, tone(440.0, 0.5), listener).unwrap();
    assert!(matches!(told.recv_timeout(PATIENCE).unwrap(), DeviceEvent::Opened { .. }));
    pulse.signal("STOP");
    let lost = told.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(lost, DeviceEvent::Lost(SourceError::Unplugged { .. })), "{lost:?}");
    let listed = list_speakers();
    assert!(matches!(listed, Err(SourceError::Device { .. })), "{listed:?}");

    pulse.signal("CONT");
    let again = told.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(again, DeviceEvent::Opened { again: true, .. }), "{again:?}");
    pulse.signal("STOP");
    let begun = Instant::now();
    speaker.close();
    assert!(begun.elapsed() < Duration::from_secs(5), "closed after {:?}", begun.elapsed());
    pulse.signal("CONT");
}

#[test]
fn a_sound_server_lost_in_mid_call_comes_back_by_itself() {
    let Some(socket) = in_child("a_sound_server_lost_in_mid_call_comes_back_by_itself") else { return };
    let pulse = Pulse::start(&socket, &["beckon_a"]);
    let (listener, speaker_told) = events();
    let speaker = Speaker::open(DeviceChoice::Default, tone(700.0, 0.25), listener).unwrap();
    let (listener, microphone_told) = events();
    let (running, frames, stats) = microphone(DeviceChoice::Default, listener);
    hear(&frames, 700.0, -15.05);
    report("speaker", &speaker.stats());

    drop(pulse);
    for told in [&speaker_told, &microphone_told] {
        let opened = told.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(opened, DeviceEvent::Opened { again: false, .. }), "{opened:?}");
        let lost = told.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(lost, DeviceEvent::Lost(SourceError::Unplugged { .. })), "{lost:?}");
    }

    let _pulse = Pulse::start(&socket, &["beckon_other"]);
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

#[test]
fn a_device_pulled_out_in_mid_call_is_replaced_by_the_default_one() {
    let Some(socket) = in_child("a_device_pulled_out_in_mid_call_is_replaced_by_the_default_one") else { return };
    // The first sink becomes the default one.
    let _pulse = Pulse::start(&socket, &["beckon_builtin", "beckon_headset"]);
    let id = |of: Vec<DeviceInfo>, end: &str| {
        DeviceChoice::Id(of.into_iter().find(|d| d.id.ends_with(end)).map(|d| d.id).unwrap())
    };
    let speaker = id(list_speakers().unwrap(), "beckon_headset");
    let speaker = Speaker::open(speaker, tone(550.0, 0.25), |_| ()).unwrap();
    let (running, frames, _) = microphone(id(list_microphones().unwrap(), "beckon_headset.monitor"), |_| ());
    hear(&frames, 550.0, -15.05);

    let pulled = Command::new("pactl").args(["unload-module", "2"]).status().unwrap();
    assert!(pulled.success());
    wait_for("the headset to be gone", || list_speakers().unwrap().iter().all(|d| !d.id.ends_with("beckon_headset")));
    while frames.try_recv().is_ok() {}
    // Whether the sound server moves both streams by itself or we open them anew is its business: both are on the
    // default device now, and the one hears the other.
    hear(&frames, 550.0, -15.05);
    running.stop();
    speaker.close();
}

#[test]
fn without_a_sound_device_the_error_says_so_and_a_patient_speaker_waits() {
    let Some(socket) = in_child("without_a_sound_device_the_error_says_so_and_a_patient_speaker_waits") else {
        return;
    };
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
    let pulse = Pulse::start(&socket, &[]);
    absent();

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
    drop(pulse);
    let _pulse = Pulse::start(&socket, &["beckon_late"]);
    let opened = told.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(opened, DeviceEvent::Opened { .. }), "{opened:?}");
    wait_for("the device to take sound", || speaker.stats().frames() > 20);
}

#[test]
fn the_chosen_device_is_taken_again_when_it_is_back_and_the_default_is_followed() {
    let Some(socket) = in_child("the_chosen_device_is_taken_again_when_it_is_back_and_the_default_is_followed") else {
        return;
    };
    let pactl = |args: &[&str]| {
        let output = Command::new("pactl").args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let sink = "sink_name=beckon_headset";
    let plug = ["load-module", "module-null-sink", sink, "rate=48000", "sink_properties=device.description=headset"];
    let _pulse = Pulse::start(&socket, &["beckon_builtin"]);
    let plugged = pactl(&plug);
    let headset = || list_speakers().unwrap().into_iter().find(|d| d.id.ends_with("beckon_headset")).map(|d| d.id);
    let (listener, told) = events();
    let chosen = Speaker::open(DeviceChoice::Id(headset().unwrap()), tone(550.0, 0.25), listener).unwrap();
    let (listener, told_default) = events();
    let default = Speaker::open(DeviceChoice::Default, tone(550.0, 0.25), listener).unwrap();
    let opened = |told: &mpsc::Receiver<DeviceEvent>| loop {
        if let DeviceEvent::Opened { label, stands_in, .. } = told.recv_timeout(PATIENCE).unwrap() {
            return (label.contains("headset"), stands_in);
        }
    };
    assert_eq!(opened(&told), (true, false));
    assert_eq!(opened(&told_default), (false, false));

    pactl(&["unload-module", &plugged]);
    assert_eq!(opened(&told), (false, true), "another one stands in");
    pactl(&plug);
    assert_eq!(opened(&told), (true, false), "the chosen one is back");

    while told_default.try_recv().is_ok() {}
    pactl(&["set-default-sink", "beckon_headset"]);
    while opened(&told_default) != (true, false) {}
    chosen.close();
    default.close();
}
