//! Building everything, once, in the profile that all tasks share.

use std::{env, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

use crate::run::{self, cargo, npm, root};

/// Installs the web parts' packages when the lock file is newer than what is installed, and builds them.
pub fn web() -> Result<()> {
    let ui = root().join("ui");
    if !run::has("npm") {
        bail!("npm is not installed; install Node.js 20 or newer (its packages bring npm) and run this again");
    }
    let installed = ui.join("node_modules/.package-lock.json");
    let newer = |a: &PathBuf, b: &PathBuf| match (
        a.metadata().and_then(|m| m.modified()),
        b.metadata().and_then(|m| m.modified()),
    ) {
        (Ok(a), Ok(b)) => a > b,
        _ => true,
    };
    if newer(&ui.join("package-lock.json"), &installed) {
        run::run(&mut npm(&["ci", "--no-audit", "--no-fund"]))?;
    }
    run::run(&mut npm(&["run", "build"]))
}

/// Builds server, app and command-line participant.
pub fn programs() -> Result<()> {
    // The whole workspace at once: every task then finds the same features built, and nothing is built twice.
    run::run(cargo().args(["build", "--workspace"]))
}

/// Builds LiveKit's server out of its Go module, for the tests against it. `None` where the machine has no Go.
pub fn livekit_server() -> Result<Option<PathBuf>> {
    go_peer("livekit-server", "github.com/livekit/livekit-server/cmd/server")
}

/// Builds the participant on LiveKit's Go SDK. `None` where the machine has no Go.
pub fn livekit_go() -> Result<Option<PathBuf>> {
    go_peer("livekit-go", ".")
}

/// Builds a package with the Go module `tests/peers/NAME`, unless it is built and newer than the module.
fn go_peer(name: &str, package: &str) -> Result<Option<PathBuf>> {
    let module = root().join("tests/peers").join(name);
    let program = run::target().join("peers").join(name);
    let built = program.metadata().and_then(|m| m.modified()).ok();
    let changed = |file: std::fs::DirEntry| file.metadata().and_then(|m| m.modified()).ok() > built;
    let newer = std::fs::read_dir(&module)
        .with_context(|| format!("{} cannot be read", module.display()))?
        .filter_map(Result::ok)
        .any(changed);
    if built.is_some() && !newer {
        return Ok(Some(program));
    }
    if !run::has("go") {
        // An older one is better than none.
        return Ok(built.map(|_| program));
    }
    std::fs::create_dir_all(run::target().join("peers"))?;
    run::run(
        Command::new("go")
            .args(["build", "-trimpath", "-ldflags=-s -w", "-o"])
            .arg(&program)
            .arg(package)
            .current_dir(&module)
            .env("CGO_ENABLED", "0"),
    )
    .with_context(|| format!("building the Go module tests/peers/{name}"))?;
    Ok(Some(program))
}

/// Installs the npm packages of the peers under tests/ that have a lock file.
pub fn node_peers() -> Result<()> {
    for peer in ["tests/peers/usersig", "tests/e2e"] {
        let folder = root().join(peer);
        if folder.join("package-lock.json").is_file() && !folder.join("node_modules/.package-lock.json").is_file() {
            run::run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder))?;
        }
    }
    Ok(())
}

/// Writes the TypeScript types of channel and windows, or compares them with what is written.
pub fn types(check: bool) -> Result<()> {
    // With the whole workspace's features: on its own the example would have its dependencies built once more.
    run::run(cargo().args(["build", "--quiet", "--workspace", "--example", "types"]))?;
    let mut command =
        Command::new(run::target().join("debug/examples").join(format!("types{}", env::consts::EXE_SUFFIX)));
    command.current_dir(root());
    if check {
        command.arg("--check");
    }
    run::run(&mut command)
}
