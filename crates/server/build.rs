//! Rebuilds the server when a migration or, where pages are embedded, a built page changes.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
    // Other builds read the pages from disk while they run; and watching a folder that is not there builds every time.
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        for page in ["starter", "crm", "guest"] {
            println!("cargo:rerun-if-changed=../../ui/{page}/dist");
        }
    }
}
