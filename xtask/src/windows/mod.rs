//! `cargo xtask windows`: the Windows programs from a Linux machine: checked, built, and tried out under Wine.

mod ffmpeg;
mod screen;
mod wine;

use std::process::Command;

use anyhow::{Result, bail};

use crate::{build, packages, run};

/// The kind of Windows built for here; the other, `x86_64-pc-windows-msvc`, needs a Windows machine.
const TARGET: &str = "x86_64-pc-windows-gnu";
/// The programs' packages and what is built with them.
const PROGRAMS: [&str; 6] = ["-p", "beckon-server", "-p", "beckon-cli", "-p", "beckon"];

/// What to do; without an option everything is checked with clippy, and nothing is linked.
#[derive(clap::Args)]
pub struct Options {
    /// Build server, app and command-line participant, with the DLLs they need beside them
    #[arg(long)]
    build: bool,
    /// Build, and try out under Wine what can run there: the server, with a call, and screens that are shared
    #[arg(long)]
    run: bool,
}

/// Checks, builds or tries out.
pub fn run(options: &Options) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("this builds for Windows from Linux; on Windows itself, cargo builds for it as it is");
    }
    let mut groups = vec![packages::BUILD, packages::WINDOWS];
    if options.run {
        groups.push(packages::WINE);
    }
    packages::ensure(&groups)?;
    standard_library()?;
    let folder = run::target().join("windows");
    std::fs::create_dir_all(&folder)?;
    let ffmpeg = ffmpeg::Ffmpeg::ready(&folder)?;
    // The app and the server have the pages in them.
    build::web()?;
    if !options.build && !options.run {
        let mut clippy = cargo(&ffmpeg, "clippy");
        clippy.args(["--workspace", "--all-targets", "--", "-D", "warnings"]);
        run::run(&mut clippy)?;
        println!("Everything compiles for Windows");
        return Ok(());
    }
    run::run(cargo(&ffmpeg, "build").args(PROGRAMS))?;
    let programs = run::target().join(TARGET).join("debug");
    ffmpeg.lay_beside(&programs)?;
    println!("Built: beckond.exe, beckon.exe and beckon-cli.exe in {}", programs.display());
    if options.run {
        build::programs()?;
        wine::Wine::ready(&folder)?.try_out(&programs)?;
    }
    Ok(())
}

/// cargo for Windows.
fn cargo(ffmpeg: &ffmpeg::Ffmpeg, task: &str) -> Command {
    let mut command = run::cargo();
    command.args([task, "--target", TARGET]).env("FFMPEG_DIR", &ffmpeg.folder);
    // The compiler whose threads are those of POSIX; Debian has the other one under the plain name, where both are.
    command.env("CC_x86_64_pc_windows_gnu", "x86_64-w64-mingw32-gcc-posix");
    command.env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER", "x86_64-w64-mingw32-gcc-posix");
    // libopus is compiled with stack protection, whose functions this compiler keeps in a library of its own. Libraries are
    // read once, in order: those that it needs come after it.
    let libraries =
        ["-l:libssp.a", "-ladvapi32", "-lmsvcrt", "-lkernel32"].map(|library| format!("-Clink-arg={library}"));
    command.env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS", libraries.join(" "));
    command
}

/// Rust's own library for Windows.
fn standard_library() -> Result<()> {
    let sysroot = run::output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(run::root()))?;
    if std::path::Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).is_dir() {
        return Ok(());
    }
    if !run::has("rustup") {
        bail!("Rust's standard library for {TARGET} is missing; install it the way this Rust was installed");
    }
    println!("Installing Rust's standard library for {TARGET}");
    run::run(Command::new("rustup").args(["target", "add", TARGET]).current_dir(run::root()))
}
