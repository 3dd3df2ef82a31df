//! The monitors, and what lies on them.

use std::time::Duration;

use windows::Win32::Devices::Display::{
    DISPLAYCONFIG_DEVICE_INFO_GET_SOURCE_NAME, DISPLAYCONFIG_DEVICE_INFO_GET_TARGET_NAME,
    DISPLAYCONFIG_DEVICE_INFO_HEADER, DISPLAYCONFIG_MODE_INFO, DISPLAYCONFIG_PATH_INFO,
    DISPLAYCONFIG_SOURCE_DEVICE_NAME, DISPLAYCONFIG_TARGET_DEVICE_NAME, DisplayConfigGetDeviceInfo,
    GetDisplayConfigBufferSizes, QDC_ONLY_ACTIVE_PATHS, QueryDisplayConfig,
};
use windows::Win32::Foundation::{ERROR_SUCCESS, LPARAM, RECT};
use windows::Win32::Graphics::Gdi::{
    EnumDisplayMonitors, GetMonitorInfoW, HDC, HMONITOR, MONITOR_DEFAULTTONEAREST, MONITORINFOEXW, MonitorFromWindow,
};
use windows::Win32::System::SystemInformation::GetTickCount;
use windows::Win32::UI::HiDpi::{GetDpiForMonitor, MDT_EFFECTIVE_DPI};
use windows::Win32::UI::Input::KeyboardAndMouse::{GetLastInputInfo, LASTINPUTINFO};
use windows::Win32::UI::WindowsAndMessaging::{
    GetSystemMetrics, MONITORINFOF_PRIMARY, SM_CXVIRTUALSCREEN, SM_CYVIRTUALSCREEN, SM_XVIRTUALSCREEN,
    SM_YVIRTUALSCREEN,
};
use windows::core::BOOL;

use super::super::place::Desk;
use super::super::{Monitor, Rect};
use super::{broke, text};
use crate::source::SourceError;

pub(super) fn rect(r: RECT) -> Rect {
    Rect::new(r.left, r.top, r.right.saturating_sub(r.left).max(0) as u32, r.bottom.saturating_sub(r.top).max(0) as u32)
}

/// The monitors, the primary one first.
pub(super) fn monitors() -> Result<Vec<Monitor>, SourceError> {
    let mut handles: Vec<HMONITOR> = Vec::new();
    let list = LPARAM(&raw mut handles as isize);
    // SAFETY: the call-back gets `list` during this call only.
    if !unsafe { EnumDisplayMonitors(None, None, Some(collect), list) }.as_bool() {
        return Err(broke("the list of monitors", &windows::core::Error::from_thread()));
    }
    // One that was unplugged meanwhile knows nothing of itself.
    let mut monitors: Vec<Monitor> = handles.into_iter().filter_map(monitor).collect();
    monitors.sort_by_key(|m| (!m.primary, m.bounds.x, m.bounds.y));
    Ok(monitors)
}

/// The monitors, and all of them together.
pub(super) fn desk() -> Result<Desk, SourceError> {
    Ok(Desk { monitors: monitors()?, bounds: bounds() })
}

unsafe extern "system" fn collect(handle: HMONITOR, _: HDC, _: *mut RECT, list: LPARAM) -> BOOL {
    // SAFETY: `monitors` gave the address of its vector, which nobody else uses meanwhile.
    let list = unsafe { &mut *(list.0 as *mut Vec<HMONITOR>) };
    list.push(handle);
    true.into()
}

fn monitor(handle: HMONITOR) -> Option<Monitor> {
    let mut info = MONITORINFOEXW::default();
    info.monitorInfo.cbSize = size_of::<MONITORINFOEXW>() as u32;
    // SAFETY: the size says that the longer form is there to be written to.
    let known = unsafe { GetMonitorInfoW(handle, (&raw mut info).cast()) };
    known.as_bool().then(|| Monitor {
        name: text(&info.szDevice),
        bounds: rect(info.monitorInfo.rcMonitor),
        primary: info.monitorInfo.dwFlags & MONITORINFOF_PRIMARY != 0,
    })
}

/// The monitor that shows most of a window: its bounds, and its dots per inch.
pub(super) fn monitor_of(window: windows::Win32::Foundation::HWND) -> Option<(Rect, u32)> {
    // SAFETY: a window that is gone gives the nearest monitor of nothing, which is one, too.
    let handle = unsafe { MonitorFromWindow(window, MONITOR_DEFAULTTONEAREST) };
    let bounds = monitor(handle)?.bounds;
    let (mut dpi, mut vertical) = (0, 0);
    // SAFETY: both numbers live as long as the call.
    unsafe { GetDpiForMonitor(handle, MDT_EFFECTIVE_DPI, &mut dpi, &mut vertical) }.ok()?;
    Some((bounds, dpi))
}

/// All monitors together.
pub(super) fn bounds() -> Rect {
    // SAFETY: these take and return plain values.
    let [x, y, w, h] = [SM_XVIRTUALSCREEN, SM_YVIRTUALSCREEN, SM_CXVIRTUALSCREEN, SM_CYVIRTUALSCREEN]
        .map(|metric| unsafe { GetSystemMetrics(metric) });
    Rect::new(x, y, w.max(0) as u32, h.max(0) as u32)
}

/// How long nobody has used mouse or keyboard.
pub(super) fn idle() -> Duration {
    let mut last = LASTINPUTINFO { cbSize: size_of::<LASTINPUTINFO>() as u32, dwTime: 0 };
    // SAFETY: `last` lives as long as the call, and its size is set.
    if !unsafe { GetLastInputInfo(&mut last) }.as_bool() {
        return Duration::MAX;
    }
    // SAFETY: returns a plain value. Both count milliseconds from the start of the machine, and begin anew together.
    Duration::from_millis(unsafe { GetTickCount() }.wrapping_sub(last.dwTime).into())
}

/// What the makers call the monitors, by the system's names for them. Empty where the system does not say.
pub(super) fn friendly_names() -> Vec<(String, String)> {
    let (mut paths, mut modes) = (0, 0);
    // SAFETY: both counts live as long as the call.
    if unsafe { GetDisplayConfigBufferSizes(QDC_ONLY_ACTIVE_PATHS, &mut paths, &mut modes) } != ERROR_SUCCESS {
        return Vec::new();
    }
    let mut all = vec![DISPLAYCONFIG_PATH_INFO::default(); paths as usize];
    let mut unused = vec![DISPLAYCONFIG_MODE_INFO::default(); modes as usize];
    // SAFETY: the counts are those of the vectors, which live as long as the call.
    let read = unsafe {
        let (all, unused) = (all.as_mut_ptr(), unused.as_mut_ptr());
        QueryDisplayConfig(QDC_ONLY_ACTIVE_PATHS, &mut paths, all, &mut modes, unused, None)
    };
    if read != ERROR_SUCCESS {
        return Vec::new();
    }
    all.truncate(paths as usize);
    all.iter().filter_map(name).collect()
}

fn name(path: &DISPLAYCONFIG_PATH_INFO) -> Option<(String, String)> {
    let mut source = DISPLAYCONFIG_SOURCE_DEVICE_NAME {
        header: DISPLAYCONFIG_DEVICE_INFO_HEADER {
            r#type: DISPLAYCONFIG_DEVICE_INFO_GET_SOURCE_NAME,
            size: size_of::<DISPLAYCONFIG_SOURCE_DEVICE_NAME>() as u32,
            adapterId: path.sourceInfo.adapterId,
            id: path.sourceInfo.id,
        },
        ..Default::default()
    };
    let mut target = DISPLAYCONFIG_TARGET_DEVICE_NAME {
        header: DISPLAYCONFIG_DEVICE_INFO_HEADER {
            r#type: DISPLAYCONFIG_DEVICE_INFO_GET_TARGET_NAME,
            size: size_of::<DISPLAYCONFIG_TARGET_DEVICE_NAME>() as u32,
            adapterId: path.targetInfo.adapterId,
            id: path.targetInfo.id,
        },
        ..Default::default()
    };
    // SAFETY: each packet begins with its header, which says how large the packet is.
    let read = unsafe {
        [DisplayConfigGetDeviceInfo((&raw mut source).cast()), DisplayConfigGetDeviceInfo((&raw mut target).cast())]
    };
    let friendly = text(&target.monitorFriendlyDeviceName);
    (read == [0, 0] && !friendly.is_empty()).then(|| (text(&source.viewGdiDeviceName), friendly))
}
