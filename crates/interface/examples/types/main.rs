//! Writes the TypeScript types of what crosses between Rust and pages, and the table of codes in the documentation of the page
//! API: `cargo run -p beckon-interface --example types`.
//! With `--check` it writes nothing, and exits with 1 when a file differs from what the Rust types say.

mod channel;
mod codes;
mod windows;

use std::{fmt::Write, path::Path, process::ExitCode};

use ts_rs::{Config, TS};

/// One declaration with its documentation.
fn declare<T: TS>(out: &mut String, cfg: &Config) {
    let docs = T::docs().unwrap_or_default();
    let mut declaration = T::decl(cfg);
    if T::ident(cfg) == "Custom" {
        // Every option has a default, which ts-rs does not read.
        declaration = declaration.replace("= {", "= Partial<{").replace("};", "}>;");
    }
    let _ = writeln!(out, "{docs}export {declaration}\n");
}

fn main() -> ExitCode {
    let check = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => {
            eprintln!("usage: types [--check]");
            return ExitCode::from(2);
        }
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    type Write = fn(&str) -> Result<String, String>;
    let files: [(&str, Write); 3] = [
        ("ui/protocol/index.ts", |_| Ok(channel::file())),
        ("ui/room/src/lib/types.ts", |_| Ok(windows::file())),
        ("docs/page-api.md", codes::page_api),
    ];
    for (name, write) in files {
        let path = root.join(name);
        let found = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
        let wanted = match write(&found) {
            Ok(wanted) => wanted,
            Err(reason) => {
                eprintln!("{name}: {reason}");
                return ExitCode::FAILURE;
            }
        };
        if check {
            if found != wanted {
                eprintln!("{name} is not what the Rust types say; run `cargo xtask types` and commit the result");
                return ExitCode::FAILURE;
            }
        } else if let Err(error) = std::fs::write(&path, wanted) {
            eprintln!("cannot write {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
