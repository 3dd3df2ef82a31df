//! How WebKitGTK draws.

/// WebKit's switch for "compose on the processor, without GL".
const WITHOUT_GL: &str = "WEBKIT_DISABLE_COMPOSITING_MODE";

/// Chooses how pages are composed. Must be the first thing the program does.
///
/// Where GL runs on the processor, composing by it costs ten times what painting costs. The switch is WebKit's
/// environment variable and not the view's hardware acceleration policy: that one can be set only after the page's
/// process has begun to draw, which now and then kills it (seen with WebKitGTK 2.50.6).
pub fn prepare() {
    if gl_is_software() && std::env::var_os(WITHOUT_GL).is_none() {
        // SAFETY: called first in `main`, while the program has one thread, so nobody reads the environment meanwhile.
        unsafe { std::env::set_var(WITHOUT_GL, "1") };
    }
}

/// No render node: whatever GL there is runs on the processor.
fn gl_is_software() -> bool {
    let node = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("renderD");
    let hardware = std::fs::read_dir("/dev/dri").is_ok_and(|entries| entries.flatten().any(node));
    !hardware || std::env::var_os("LIBGL_ALWAYS_SOFTWARE").is_some_and(|v| v == "1")
}
