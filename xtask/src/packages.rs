//! The system packages this repository needs, each with its reason; installs what is missing, after saying so.

use std::process::Command;

use anyhow::{Result, bail};

use crate::run;

/// One package of Debian's and why it is needed. Ubuntu has most of them under the same names; not Chromium, which is there
/// only as a snap.
pub struct Package {
    name: &'static str,
    why: &'static str,
}

macro_rules! packages {
    ($($name:literal: $why:literal,)+) => { &[ $( Package { name: $name, why: $why }, )+ ] };
}

/// Needed to build.
pub const BUILD: &[Package] = packages! {
    "build-essential": "C compiler for native libraries",
    "pkg-config": "finds libraries",
    "clang": "bindings to FFmpeg",
    "libclang-dev": "bindings to FFmpeg",
    "cmake": "crypto library",
    "nasm": "crypto library's assembler",
    "libavcodec-dev": "video codecs",
    "libavformat-dev": "media files",
    "libavutil-dev": "codecs' ground",
    "libswscale-dev": "scaling",
    "libswresample-dev": "resampling",
    "libavfilter-dev": "FFmpeg's filters",
    "libavdevice-dev": "FFmpeg's devices",
    "libopus-dev": "sound codec",
    "libasound2-dev": "sound devices",
    "libpulse-dev": "sound server",
    "libwebkit2gtk-4.1-dev": "the window's web view",
    "libayatana-appindicator3-dev": "the window's shell",
    "librsvg2-dev": "icons",
    "libxdo-dev": "the window's shell",
};

/// Needed to run the demo.
pub const DEMO: &[Package] = packages! {
    "xdg-utils": "opens the app by its URL",
    "desktop-file-utils": "registers the app's URL",
    "fonts-noto-cjk": "Chinese names and texts",
};

/// Needed to run the end-to-end tests.
pub const TEST: &[Package] = packages! {
    "chromium": "the real browser",
    "xvfb": "a display without a screen",
    "openbox": "a window manager, so that windows take focus as they do for people",
    "xdotool": "clicks and keys",
    "x11-utils": "asks windows about themselves",
    "x11-xserver-utils": "splits a display into several monitors",
    "imagemagick": "screenshots",
    "dbus": "session bus: the second start of the app reaches the first",
    "dbus-x11": "session bus under a test's own display",
    "pulseaudio": "sound devices without a sound card",
    "pulseaudio-utils": "asks the sound server",
    "libasound2-plugins": "ALSA programs reach the sound server",
    "espeak-ng": "speech for sound tests",
    "ffmpeg": "media files for tests",
    "procps": "asks about processes",
    "openssl": "certificates for a server behind TLS",
    "sway": "a Wayland desktop without a screen",
    "xdg-desktop-portal": "asks the person what a Wayland desktop may show",
    "xdg-desktop-portal-wlr": "the part of it for sway",
    "pipewire": "hands out a Wayland desktop's pictures",
    "pipewire-pulse": "sound devices on PipeWire, as most desktops have it",
    "wireplumber": "allows programs to have them",
};

/// Needed to build for Windows, beside what is needed to build.
pub const WINDOWS: &[Package] = packages! {
    "gcc-mingw-w64-x86-64-posix": "C compiler and linker for Windows",
    "mingw-w64-tools": "import libraries out of DLLs",
    "maven": "fetches FFmpeg's DLLs",
    "unzip": "takes them out of their archive",
};

/// Needed to run programs for Windows.
pub const WINE: &[Package] = packages! {
    "wine": "runs programs for Windows",
    "wine64": "runs programs for Windows of 64 bits",
    "xvfb": "a display without a screen",
};

/// Everything that builds, demo and tests on this machine need.
pub const ALL: &[&[Package]] = &[BUILD, DEMO, TEST];

/// Makes sure that the packages of these groups are installed.
pub fn ensure(groups: &[&[Package]]) -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    if !run::has("dpkg-query") {
        println!("This is no Debian; please see that you have what these packages hold:");
        for package in groups.iter().flat_map(|group| group.iter()) {
            println!("  {} ({})", package.name, package.why);
        }
        return Ok(());
    }
    let missing: Vec<&Package> = groups.iter().flat_map(|group| group.iter()).filter(|p| !installed(p.name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("Installing system packages that are missing:");
    for package in &missing {
        println!("  {:<32} {}", package.name, package.why);
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    apt(&["update", "-qq"])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(&names);
    apt(&arguments)
}

fn installed(name: &str) -> bool {
    run::output(Command::new("dpkg-query").args(["-W", "-f", "${Status}", name]))
        .is_ok_and(|status| status.contains("install ok installed"))
}

fn apt(arguments: &[&str]) -> Result<()> {
    let root = run::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let mut command = if root {
        Command::new("apt-get")
    } else if run::has("sudo") {
        let mut sudo = Command::new("sudo");
        sudo.arg("apt-get");
        sudo
    } else {
        bail!("packages are missing and neither root nor sudo is at hand; please run: apt-get {}", arguments.join(" "));
    };
    run::run(command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
}
