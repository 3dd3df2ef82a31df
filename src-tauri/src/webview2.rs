//! WebView2, which draws our windows' pages on Windows. It is a part of Windows 11 and comes to Windows 10 with updates; where
//! an administrator keeps it away, nothing can be shown.

use beckon_interface::{Language, LanguageChoice};
use windows::{
    Win32::UI::WindowsAndMessaging::{MB_ICONERROR, MB_OK, MB_SETFOREGROUND, MessageBoxW},
    core::{HSTRING, w},
};

use crate::language;

/// The program's exit code where it is missing.
pub const MISSING: u8 = 3;

const CHINESE: &str = "这台电脑没有 Microsoft Edge WebView2，Beckon 无法显示窗口。\n\
    请安装 WebView2 运行时（https://go.microsoft.com/fwlink/p/?LinkId=2124703），然后重新启动 Beckon。";
const ENGLISH: &str = "This computer lacks Microsoft Edge WebView2, which Beckon shows its windows with.\n\
    Install the WebView2 Runtime (https://go.microsoft.com/fwlink/p/?LinkId=2124703), then start Beckon again.";

/// Whether it is there. Where it is not, the person is told, on the console and in a box of Windows' own.
pub fn is_there() -> bool {
    let Err(error) = tauri::webview_version() else { return true };
    eprintln!("{ENGLISH}\n({error})");
    let text = match language::here("", LanguageChoice::default()) {
        Language::Chinese => CHINESE,
        Language::English => ENGLISH,
    };
    // SAFETY: both texts live as long as the call, which ends when the person has read them.
    unsafe { MessageBoxW(None, &HSTRING::from(text), w!("Beckon"), MB_OK | MB_ICONERROR | MB_SETFOREGROUND) };
    false
}
