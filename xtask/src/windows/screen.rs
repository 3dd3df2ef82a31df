//! A screen shared by the Windows participant: whoever sees it must see the colours that are there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::wine::{Wine, report};
use crate::{process::Process, run};

/// The desktop, and the window of `patches.c` on it, which lies at 100, 100.
pub const DESKTOP: (u32, u32) = (1024, 640);
const WINDOW: (usize, usize) = (640, 360);
/// How far a colour may be from what it is: codecs lose some.
const LEVELS: u8 = 16;

/// What is shared.
struct Case {
    what: &'static str,
    size: (usize, usize),
    /// Where in its picture the window's upper left corner is.
    corner: (isize, isize),
}

const CASES: [Case; 3] = [
    Case { what: "monitor", size: (DESKTOP.0 as usize, DESKTOP.1 as usize), corner: (100, 100) },
    Case { what: "window:patches", size: WINDOW, corner: (0, 0) },
    Case { what: "region:80,60,500x300", size: (500, 300), corner: (20, 40) },
];

/// A point of one of the window's patches, and its colour (BT.709, limited range).
struct Patch {
    name: &'static str,
    at: (usize, usize),
    colour: [u8; 3],
}

const PATCHES: [Patch; 4] = [
    Patch { name: "red", at: (40, 40), colour: [63, 102, 240] },
    Patch { name: "green", at: (380, 40), colour: [173, 42, 26] },
    Patch { name: "blue", at: (40, 240), colour: [32, 240, 118] },
    Patch { name: "white", at: (380, 240), colour: [235, 128, 128] },
];

/// So often bob looks in, 8 s each time, until he sees something.
const STAYS: u32 = 8;

/// How long the window that closes stays.
const CLOSES_AFTER: &str = "12000";

/// Shares the monitor, the window and a region, one after the other, in a room of the server at `listen`; then a window that
/// closes.
pub fn try_out(wine: &Wine, programs: &Path, listen: &str) -> Result<()> {
    let program = compile(&wine.folder)?;
    let mut patches = Process::start("patches", &wine.folder, &mut wine.command(&program))?;
    let join = |command: &mut Command, room: &str, user: &str, stay: &str| {
        command.args(["join", "--server", &format!("http://{listen}"), "--room", room, "--dev", "--user", user]);
        command.args(["--camera", "none", "--microphone", "none", "--report", "json", "--for", stay]);
    };
    for (n, Case { what, size, corner }) in CASES.into_iter().enumerate() {
        let room = format!("screen{n}");
        let mut ann = wine.command(&programs.join("beckon-cli.exe"));
        join(&mut ann, &room, "ann", "150s");
        ann.args(["--create", "--screen", what, "--log", "info"]);
        let mut ann = Process::start(&format!("sharing-{n}"), &wine.folder, &mut ann)?;
        ann.wait_until("sharing", Duration::from_secs(60), |ann| ann.printed().contains("shares "))?;
        let folder = wine.folder.join(format!("seen-{n}"));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        // On a display Wine takes its time to say that no graphics card encodes: the first stays see nothing.
        let mut tries = 0;
        let pictures = loop {
            let mut bob = Command::new(run::built("beckon-cli"));
            join(&mut bob, &room, "bob", "8s");
            let seen = run::output(bob.arg("--pictures").arg(&folder))?;
            tries += 1;
            match decoded(&seen).with_context(|| format!("sharing {what}: {}", ann.tail())) {
                Err(error) if tries == STAYS => return Err(error),
                Err(_) => {}
                Ok(pictures) => break pictures,
            }
        };
        ann.stop();
        let picture = Picture::read(&folder.join("ann-screen.y4m"))?;
        ensure!((picture.width, picture.height) == size, "sharing {what}: it is {}×{}", picture.width, picture.height);
        for Patch { name, at: (x, y), colour } in PATCHES {
            let (x, y) = (x.wrapping_add_signed(corner.0), y.wrapping_add_signed(corner.1));
            let found = picture.colour(x, y);
            let near = found.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= LEVELS);
            ensure!(near, "sharing {what}: the {name} patch is {found:?} at {x}, {y}, not {colour:?}");
        }
        println!("  {what}: bob saw {pictures} pictures of {}×{} with the right colours", size.0, size.1);
    }
    patches.stop();
    let mut patches = Process::start("patches", &wine.folder, wine.command(&program).arg(CLOSES_AFTER))?;
    let mut ann = wine.command(&programs.join("beckon-cli.exe"));
    join(&mut ann, "closing", "ann", "60s");
    let mut ann = Process::start("closing", &wine.folder, ann.args(["--create", "--screen", "window:patches"]))?;
    ann.wait_until("sharing", Duration::from_secs(60), |ann| ann.printed().contains("shares Beckon patches"))?;
    patches.wait()?;
    ann.wait_until("the end", Duration::from_secs(10), |ann| ann.printed().contains("not shared any more"))?;
    println!("  window:patches: sharing ended when it was closed");
    Ok(())
}

/// The program that shows the window.
fn compile(folder: &Path) -> Result<PathBuf> {
    let program = folder.join("patches.exe");
    let source = run::root().join("xtask/src/windows/patches.c");
    let compiler = "x86_64-w64-mingw32-gcc-posix";
    run::run(Command::new(compiler).args(["-O1", "-s", "-mwindows", "-o"]).arg(&program).arg(source))?;
    Ok(program)
}

/// How many pictures of ann's screen bob decoded: one that blinks makes several.
fn decoded(printed: &str) -> Result<u64> {
    let report = report(printed)?;
    let tracks = report["received"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_screen = |track: &&Value| track["userID"] == "ann" && track["kind"] == "video";
    let Some(screen) = tracks.iter().find(is_screen) else { bail!("bob got no screen: {report:#}") };
    let pictures = screen["framesDecoded"].as_u64().unwrap_or(0);
    ensure!(pictures > 10, "bob saw only {pictures} pictures of a screen on which something blinks");
    Ok(pictures)
}

/// A picture as the participant writes it.
struct Picture {
    width: usize,
    height: usize,
    planes: Vec<u8>,
}

impl Picture {
    fn read(file: &Path) -> Result<Self> {
        let bytes = fs::read(file).with_context(|| format!("bob wrote no {}", file.display()))?;
        let end = bytes.iter().position(|byte| *byte == b'\n').context("the picture has no header")?;
        let header = String::from_utf8_lossy(&bytes[..end]);
        let side = |letter: char| -> Result<usize> {
            let word = header.split(' ').find_map(|word| word.strip_prefix(letter));
            Ok(word.with_context(|| format!("no {letter} in {header:?}"))?.parse()?)
        };
        let (width, height) = (side('W')?, side('H')?);
        let planes = bytes.get(end + 1 + b"FRAME\n".len()..).unwrap_or_default().to_vec();
        ensure!(planes.len() == width * height * 3 / 2, "the picture is {} bytes long", planes.len());
        Ok(Self { width, height, planes })
    }

    /// Luma and both chromas.
    fn colour(&self, x: usize, y: usize) -> [u8; 3] {
        let luma = self.width * self.height;
        let chroma = y / 2 * (self.width / 2) + x / 2;
        [self.planes[y * self.width + x], self.planes[luma + chroma], self.planes[luma + luma / 4 + chroma]]
    }
}
