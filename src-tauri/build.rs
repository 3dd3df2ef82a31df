//! Checks that the web view was built, then lets Tauri embed it.

use std::{path::Path, process::exit};

fn main() {
    let dist = Path::new("../ui/room/dist/index.html");
    println!("cargo:rerun-if-changed={}", dist.display());
    if !dist.exists() {
        eprintln!(
            "The app's web view is not built: ui/room/dist/index.html is missing.\n\
             Build it once with:  (cd ui && npm ci && npm run build -w room)"
        );
        exit(1);
    }
    tauri_build::build();
}
