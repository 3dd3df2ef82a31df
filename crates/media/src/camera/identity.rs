//! What a camera is known by from one start, or one plug, to the next.
//!
//! Nodes are numbered in the order in which cameras turn up, so the number is no name. A USB camera has vendor, product
//! and often a serial number; without that, two of a kind are told apart by their order.

use std::path::Path;

use super::CameraInfo;

/// The identity of the camera at this node of Linux; by its name where the system tells no more.
pub(super) fn of(index: &str, label: &str) -> String {
    let device = format!("/sys/class/video4linux/video{index}/device");
    std::fs::canonicalize(device).ok().and_then(|device| usb(&device)).unwrap_or_else(|| format!("name:{label}"))
}

/// Of a USB interface's folder in sysfs: what its device, the folder above, says of itself.
fn usb(interface: &Path) -> Option<String> {
    let device = interface.parent()?;
    let read = |name: &str| std::fs::read_to_string(device.join(name)).ok().map(|text| text.trim().to_owned());
    let (vendor, product) = (read("idVendor")?, read("idProduct")?);
    let serial = read("serial").filter(|serial| !serial.is_empty());
    Some(match serial {
        Some(serial) => format!("usb:{vendor}:{product}:{serial}"),
        None => format!("usb:{vendor}:{product}"),
    })
}

/// Numbers those that say the same of themselves, from the second on.
pub(super) fn tell_twins_apart(cameras: &mut [CameraInfo]) {
    for at in 1..cameras.len() {
        let (before, rest) = cameras.split_at_mut(at);
        let camera = &mut rest[0];
        let twin = |other: &&CameraInfo| other.id.split('#').next() == Some(camera.id.as_str());
        let twins = before.iter().filter(twin).count();
        if twins > 0 {
            camera.id = format!("{}#{}", camera.id, twins + 1);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_usb_camera_is_known_by_vendor_product_and_serial() {
        let folder = tempfile::tempdir().unwrap();
        let interface = folder.path().join("1-4:1.0");
        fs::create_dir(&interface).unwrap();
        assert_eq!(usb(&interface), None);
        fs::write(folder.path().join("idVendor"), "046d\n").unwrap();
        fs::write(folder.path().join("idProduct"), "0825\n").unwrap();
        assert_eq!(usb(&interface).unwrap(), "usb:046d:0825");
        fs::write(folder.path().join("serial"), "A1\n").unwrap();
        assert_eq!(usb(&interface).unwrap(), "usb:046d:0825:A1");
    }

    #[test]
    fn twins_are_numbered_and_others_are_left_alone() {
        let camera = |id: &str| CameraInfo { id: id.into(), label: id.into(), index: String::new() };
        let mut list = ["usb:1:2", "usb:3:4", "usb:1:2", "usb:1:2"].map(camera);
        tell_twins_apart(&mut list);
        assert_eq!(list.each_ref().map(|c| c.id.as_str()), ["usb:1:2", "usb:3:4", "usb:1:2#2", "usb:1:2#3"]);
    }
}
