//! Building everything, once, in the profile that all tasks share.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use anyhow::{Context, Result, bail};

use crate::run::{self, cargo, npm, root};

/// The folders of ui/ that are built.
const PAGES: [&str; 4] = ["starter", "guest", "crm", "room"];

/// Installs the web parts' packages when the lock file is newer than what is installed, and builds them when a source is newer
/// than what was built: the programs hold the pages, and would be built anew for each new file.
pub fn web() -> Result<()> {
    let ui = root().join("ui");
    check_node()?;
    let installed = changed(&ui.join("node_modules/.package-lock.json"));
    if installed.is_none() || changed(&ui.join("package-lock.json")) > installed {
        run::run(&mut npm(&["ci", "--no-audit", "--no-fund"]))?;
    }
    let stamp = run::target().join("web-built");
    let sources = newest_source(&ui).context("ui/ cannot be read")?;
    let built = PAGES.iter().all(|page| ui.join(page).join("dist").is_dir()) && changed(&stamp) > Some(sources);
    if built {
        println!("  the pages are built");
        return Ok(());
    }
    run::run(&mut npm(&["run", "build"]))?;
    std::fs::create_dir_all(run::target())?;
    std::fs::write(&stamp, "").with_context(|| format!("{} cannot be written", stamp.display()))
}

/// The oldest Node.js that builds the pages: as `engines` in ui/package.json.
const NODE: (u32, u32) = (20, 19);

fn check_node() -> Result<()> {
    let (major, minor) = NODE;
    let wanted = format!("install Node.js {major}.{minor} or newer (its packages bring npm) and run this again");
    if !run::has("npm") {
        bail!("npm is not installed; {wanted}");
    }
    let version = run::output(Command::new("node").arg("--version"))?;
    match node_version(&version) {
        Some(found) if found >= NODE => Ok(()),
        _ => bail!("Node.js is {}, which is too old for the pages' tools; {wanted}", version.trim()),
    }
}

/// Major and minor out of `v20.19.1`.
fn node_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().strip_prefix('v')?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// When a file or folder was changed last; `None` where there is none.
fn changed(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|found| found.modified()).ok()
}

/// When anything under a folder was changed last, folders too: a file that was deleted changes its folder. What is installed
/// or built does not count.
fn newest_source(folder: &Path) -> std::io::Result<SystemTime> {
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if ["node_modules", "dist"].iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let found = entry.metadata()?;
        newest = newest.max(found.modified()?);
        if found.is_dir() {
            newest = newest.max(newest_source(&entry.path())?);
        }
    }
    Ok(newest)
}

/// Builds server, app and command-line participant.
pub fn programs() -> Result<()> {
    // The whole workspace at once: every task then finds the same features built, and nothing is built twice.
    run::run(cargo().args(["build", "--workspace"]))
}

/// Builds LiveKit's server out of its Go module, for the tests against it. `None`, and said why, where this machine's Go does not.
pub fn livekit_server() -> Result<Option<PathBuf>> {
    go_peer("livekit-server", "github.com/livekit/livekit-server/cmd/server")
}

/// Builds the participant on LiveKit's Go SDK. `None`, and said why, where this machine's Go does not.
pub fn livekit_go() -> Result<Option<PathBuf>> {
    go_peer("livekit-go", ".")
}

/// Builds a package with the Go module `tests/peers/NAME`, unless it is built and newer than the module.
fn go_peer(name: &str, package: &str) -> Result<Option<PathBuf>> {
    let module = root().join("tests/peers").join(name);
    let program = run::target().join("peers").join(name);
    let built = changed(&program);
    let newer = std::fs::read_dir(&module)
        .with_context(|| format!("{} cannot be read", module.display()))?
        .filter_map(Result::ok)
        .any(|file| changed(&file.path()) > built);
    if built.is_some() && !newer {
        return Ok(Some(program));
    }
    if let Err(reason) = check_go(&module) {
        // An older one is better than none.
        let older = if built.is_some() { ", and the one that was built before is used" } else { "" };
        println!("  tests/peers/{name} is not built{older}: {reason:#}");
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

/// Whether this machine's Go builds a module; if not, why, and what to do.
fn check_go(module: &Path) -> Result<()> {
    let file = module.join("go.mod");
    let text = std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    let wanted = text.lines().find_map(|line| go_version(line.strip_prefix("go ")?));
    let wanted = wanted.with_context(|| format!("{} names no version of Go", file.display()))?;
    let (major, minor, patch) = wanted;
    let install =
        format!("install Go {major}.{minor}.{patch} or newer (https://go.dev/dl; Debian's is older) to have it");
    if !run::has("go") {
        bail!("Go is not installed; {install}");
    }
    // In the module's folder: from 1.21 on, Go gets itself the version that the module wants.
    let said = run::output(Command::new("go").arg("version").current_dir(module)).with_context(|| install.clone())?;
    let found = said.split_whitespace().find_map(|word| go_version(word.strip_prefix("go")?));
    if found < Some(wanted) {
        bail!("`go version` says {:?}, which is too old; {install}", said.trim());
    }
    Ok(())
}

/// Major, minor and patch out of `1.26.8`, `1.26` or `1.27rc1`.
fn go_version(text: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = text.trim().split('.').map(|part| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part[..end].parse().ok()
    });
    Some((numbers.next()??, numbers.next()??, numbers.next().unwrap_or(Some(0))?))
}

/// Installs the npm packages of the peers under tests/ that have a lock file.
pub fn node_peers() -> Result<()> {
    for peer in ["tests/peers/usersig", "tests/peers/livekit-ffi", "tests/e2e"] {
        let folder = root().join(peer);
        if folder.join("package-lock.json").is_file() && !folder.join("node_modules/.package-lock.json").is_file() {
            run::run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder))?;
        }
    }
    Ok(())
}

/// Writes the TypeScript types of channel and windows and the documented table of codes, or compares them with what is written.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_node_is_read_off_what_it_prints() {
        assert_eq!(node_version("v20.19.1\n"), Some((20, 19)));
        assert!(node_version("v20.18.0") < Some(NODE) && node_version("v22.0.0-rc.1") > Some(NODE));
        for odd in ["", "20.19.0", "v", "vx.y"] {
            assert_eq!(node_version(odd), None, "{odd}");
        }
    }

    #[test]
    fn the_version_of_go_is_read_off_modules_and_what_it_prints() {
        assert_eq!((go_version("1.26.8"), go_version("1.26\n")), (Some((1, 26, 8)), Some((1, 26, 0))));
        assert!(go_version("1.19.8") < go_version("1.26"));
        assert_eq!(go_version("1.27rc1"), Some((1, 27, 0)));
        for odd in ["", "1", "version", "devel"] {
            assert_eq!(go_version(odd), None, "{odd}");
        }
    }
}
