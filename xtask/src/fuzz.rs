//! `cargo xtask fuzz`: runs the fuzz targets with cargo-fuzz, each for a while.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run;

/// How to fuzz.
#[derive(clap::Args)]
pub struct Options {
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Only this target
    target: Option<String>,
}

/// Runs every fuzz target (or the named one).
pub fn run(options: &Options) -> Result<()> {
    if !run::has("cargo-fuzz") {
        println!("Installing cargo-fuzz");
        run::run(run::cargo().args(["install", "cargo-fuzz", "--locked"]))?;
    }
    let folder = run::root().join("tests/fuzz");
    let targets: Vec<String> = std::fs::read_dir(folder.join("fuzz_targets"))
        .context("tests/fuzz/fuzz_targets cannot be read")?
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_string_lossy().into_owned()))
        .filter(|name| options.target.as_ref().is_none_or(|wanted| wanted == name))
        .collect();
    if targets.is_empty() {
        bail!("there is no fuzz target of that name in tests/fuzz/fuzz_targets");
    }
    for target in targets {
        println!("== {target}, {} s", options.seconds);
        // What was found before, and what a target is given to begin with: without it, some find no beginning.
        let corpus = format!("corpus/{target}");
        let seeds = Some(format!("seeds/{target}")).filter(|path| folder.join(path).is_dir());
        std::fs::create_dir_all(folder.join(&corpus)).with_context(|| format!("tests/fuzz/{corpus} cannot be made"))?;
        // Sanitizers are a nightly feature of the compiler; this lets the pinned stable one take their flags.
        run::run(
            Command::new("cargo")
                .args(["fuzz", "run", "--fuzz-dir", ".", &target, &corpus])
                .args(seeds)
                .arg("--")
                .arg(format!("-max_total_time={}", options.seconds))
                .args(["-print_final_stats=1", "-rss_limit_mb=4096"])
                .current_dir(&folder)
                .env("RUSTC_BOOTSTRAP", "1"),
        )?;
    }
    Ok(())
}
