//! The table of codes in `docs/page-api.md`.

use std::fmt::Write;

use beckon_protocol::Code;

const BEGIN: &str = "<!-- Written by `cargo xtask types` from crates/protocol/src/code.rs; do not edit. -->\n";
const END: &str = "<!-- The end of what is written. -->\n";

/// The page with this one's table as the codes are now.
///
/// # Errors
/// When the page has no place for it.
pub fn page_api(page: &str) -> Result<String, String> {
    let lost = || format!("the table of codes belongs between the lines {BEGIN:?} and {END:?}");
    let (before, rest) = page.split_once(BEGIN).ok_or_else(lost)?;
    let (_, after) = rest.split_once(END).ok_or_else(lost)?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", table()))
}

fn table() -> String {
    let mut table = String::from("\n| code | meaning |\n|---|---|\n");
    for code in Code::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {} | {} |", code.value(), code.text().replace('|', "\\|"));
    }
    table.push('\n');
    table
}
