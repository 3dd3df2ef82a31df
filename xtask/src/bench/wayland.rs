//! The part of `bench screen` for Wayland: the same moving desktop, given by its own dialog, taken over PipeWire.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{
    median,
    screen::{Options, cpu, taken},
};

/// A desktop, its text, and everything that makes it up; ended on drop.
struct Desktop {
    owner: Child,
    bus: String,
    sway: u32,
    others: Vec<u32>,
}

impl Desktop {
    /// `None` where there is no sway, portal or PipeWire, which was said then.
    fn start(tool: &Path, how: &str) -> Result<Option<Self>> {
        let mut owner = Command::new(tool)
            .args(["wayland", how])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", tool.display()))?;
        let out = owner.stdout.take().context("it has an output")?;
        for line in BufReader::new(out).lines() {
            let line = line?;
            let Ok(said) = serde_json::from_str::<Value>(&line) else {
                println!("{line}");
                continue;
            };
            let number = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok());
            let others = said.get("others").and_then(Value::as_array).context("no other processes")?;
            return Ok(Some(Self {
                bus: said.get("bus").and_then(Value::as_str).context("no bus")?.to_owned(),
                sway: said.get("sway").and_then(number).context("no sway")?,
                others: others.iter().filter_map(number).collect(),
                owner,
            }));
        }
        owner.wait()?;
        Ok(None)
    }

    /// Time of sway so far, and of the portal and PipeWire, s.
    fn used(&self) -> Result<(f64, f64)> {
        let others = self.others.iter().map(|pid| cpu(*pid)).sum::<Result<f64>>()?;
        Ok((cpu(self.sway)?, others))
    }

    /// Cores of sway while nobody takes pictures.
    fn alone(&self, seconds: u64) -> Result<f64> {
        let before = cpu(self.sway)?;
        std::thread::sleep(Duration::from_secs(seconds));
        Ok((cpu(self.sway)? - before) / seconds as f64)
    }

    /// Cores of ours, pictures a second, cores of sway, and of portal and PipeWire.
    fn take(&self, tool: &Path, size: (u32, u32), seconds: u64) -> Result<[f64; 4]> {
        let before = self.used()?;
        let mut command = Command::new(tool);
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.bus).env("XDG_SESSION_TYPE", "wayland");
        let taken = taken(&mut command, size, seconds)?;
        let after = self.used()?;
        let [sway, others] = [after.0 - before.0, after.1 - before.1].map(|used| used / taken.seconds);
        Ok([taken.cores, taken.rate, sway, others])
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        // The end of its input is its end.
        drop(self.owner.stdin.take());
        let _ = self.owner.wait();
    }
}

/// Prints the table of a desktop that scrolls, and what one that stands still costs.
pub(super) fn run(options: &Options, tool: &Path) -> Result<()> {
    let Some(desktop) = Desktop::start(tool, "scroll")? else { return Ok(()) };
    println!(
        "\n| Wayland, 1920×1080 that scrolls, pictures of | ours, cores | pictures a second | sway | portal and PipeWire |"
    );
    println!("|---|---|---|---|---|");
    for size in [(1920, 1080), (1280, 720)] {
        let [mut ours, mut rate, mut sway, mut others] = [const { Vec::new() }; 4];
        for _ in 0..options.runs {
            let alone = desktop.alone(3)?;
            let [cores, fps, desktops, rest] = desktop.take(tool, size, options.seconds)?;
            ours.push(cores);
            rate.push(fps);
            sway.push(desktops - alone);
            others.push(rest);
        }
        let [ours, rate, sway, others] = [ours, rate, sway, others].map(|mut values| median(&mut values));
        println!("| {}×{} | {ours:.3} | {rate:.1} | {sway:.3} | {others:.3} |", size.0, size.1);
    }
    drop(desktop);

    let mut runs = [const { Vec::new() }; 3];
    for _ in 0..options.runs {
        // A desktop for each: of one on which nothing changes, sway's portal gives a picture to the first share only.
        let Some(desktop) = Desktop::start(tool, "still")? else { return Ok(()) };
        let alone = desktop.alone(3)?;
        let [cores, _, sway, others] = desktop.take(tool, (1920, 1080), options.seconds)?;
        for (run, value) in runs.iter_mut().zip([cores, sway - alone, others]) {
            run.push(value);
        }
    }
    let [ours, sway, others] = runs.map(|mut values| median(&mut values));
    println!("\nThe same standing still: ours {ours:.4} cores, sway {sway:.4}, portal and PipeWire {others:.4}.");
    Ok(())
}
