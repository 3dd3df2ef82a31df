//! The line by which Windows starts the app for an address; apart from the registry, so that it is tested everywhere.

use super::Handler;

/// The app's file name, as far as we registered it.
const NAME: &str = "beckon.exe";
/// What follows `--` is never read as an option, whatever a page puts into its address.
const BEHIND: &str = "\" -- \"%1\"";

/// The line for a program at this path.
pub fn line(program: &str) -> String {
    format!("\"{program}{BEHIND}")
}

/// Whose line this is.
pub fn handler(line: &str) -> Handler {
    program(line).map_or(Handler::Another, |program| Handler::Ours(program.into()))
}

/// The program of a line that [`line`] wrote.
fn program(line: &str) -> Option<&str> {
    let program = line.strip_prefix('"')?.strip_suffix(BEHIND)?;
    let name = program.rsplit(['\\', '/']).next()?;
    (name.eq_ignore_ascii_case(NAME) && !program.contains('"')).then_some(program)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::registration::needs_registration;

    #[test]
    fn our_line_is_known_and_other_programs_keep_theirs() {
        let ours = r"C:\Users\A B\beckon\Beckon.exe";
        assert_eq!(line(ours), r#""C:\Users\A B\beckon\Beckon.exe" -- "%1""#);
        assert_eq!(handler(&line(ours)), Handler::Ours(ours.into()));
        let others = [
            "",
            r#""C:\other\other.exe" -- "%1""#,
            r#""C:\beckon\beckon.exe" "%1""#,
            r#""C:\other\run.exe" "C:\beckon\beckon.exe" -- "%1""#,
            r"C:\beckon\beckon.exe",
        ];
        for line in others {
            assert_eq!(handler(line), Handler::Another, "{line}");
            assert!(!needs_registration(&handler(line)), "{line}");
        }
    }

    #[test]
    fn a_program_that_is_gone_is_registered_anew() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("beckon.exe");
        let line = line(program.to_str().unwrap());
        assert!(needs_registration(&handler(&line)));
        std::fs::write(&program, "").unwrap();
        assert!(!needs_registration(&handler(&line)));
    }
}
