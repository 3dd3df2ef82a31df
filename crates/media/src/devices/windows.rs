//! What Windows says: the configuration manager tells when interfaces of cameras and sound endpoints come and go, the sound
//! system when its endpoints change and when another one is the default.

use std::{
    ffi::c_void,
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    time::Duration,
};

use windows::{
    Win32::{
        Devices::DeviceAndDriverInstallation::{
            CM_NOTIFY_ACTION, CM_NOTIFY_ACTION_DEVICEINTERFACEARRIVAL, CM_NOTIFY_ACTION_DEVICEINTERFACEREMOVAL,
            CM_NOTIFY_EVENT_DATA, CM_NOTIFY_FILTER, CM_NOTIFY_FILTER_TYPE_DEVICEINTERFACE, CM_Register_Notification,
            CM_Unregister_Notification, CR_SUCCESS, HCMNOTIFICATION,
        },
        Foundation::PROPERTYKEY,
        Media::Audio::{
            DEVICE_STATE, EDataFlow, ERole, IMMDeviceEnumerator, IMMNotificationClient, IMMNotificationClient_Impl,
            MMDeviceEnumerator,
        },
        System::{
            Com::{CLSCTX_ALL, CoCreateInstance, CoIncrementMTAUsage},
            LibraryLoader::{GetProcAddress, LoadLibraryW},
        },
    },
    core::{GUID, PCWSTR, Result, implement, s, w},
};

/// Interfaces of cameras (`KSCATEGORY_VIDEO_CAMERA`), of sound output (`DEVINTERFACE_AUDIO_RENDER`) and of sound input
/// (`DEVINTERFACE_AUDIO_CAPTURE`).
const CLASSES: [GUID; 3] = [
    GUID::from_u128(0xE5323777_F976_4F5B_9B55_B94699C46E44),
    GUID::from_u128(0xE6327CAD_DCEC_4949_AE8A_991E976A79D2),
    GUID::from_u128(0x2EEF81BE_33FA_4800_9670_1CD474972C3F),
];

enum Ring {
    Changed,
    End,
}

/// Wakes the thread that listens; dropping it ends that thread.
pub struct Bell(Sender<Ring>);

impl Bell {
    /// Wakes it.
    pub fn ring(&self) {
        // The thread ends after this bell.
        let _ = self.0.send(Ring::Changed);
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        let _ = self.0.send(Ring::End);
    }
}

/// Hears of changes.
pub struct Ear {
    rings: Receiver<Ring>,
    registrations: Vec<HCMNOTIFICATION>,
    /// What the system calls back with; freed after the registrations are gone.
    context: *mut Sender<Ring>,
    /// None where the sound system tells nothing.
    _endpoints: Option<EndpointNews>,
}

// SAFETY: the handles and the context may be used and freed on any thread, as may what the sound system made.
unsafe impl Send for Ear {}

/// What the sound system calls back. It never waits, as Windows asks.
#[implement(IMMNotificationClient)]
struct Endpoints(Sender<Ring>);

impl Endpoints {
    fn changed(&self) -> Result<()> {
        let _ = self.0.send(Ring::Changed);
        Ok(())
    }
}

impl IMMNotificationClient_Impl for Endpoints_Impl {
    fn OnDeviceStateChanged(&self, _: &PCWSTR, _: DEVICE_STATE) -> Result<()> {
        self.changed()
    }

    fn OnDeviceAdded(&self, _: &PCWSTR) -> Result<()> {
        self.changed()
    }

    fn OnDeviceRemoved(&self, _: &PCWSTR) -> Result<()> {
        self.changed()
    }

    fn OnDefaultDeviceChanged(&self, _: EDataFlow, _: ERole, _: &PCWSTR) -> Result<()> {
        self.changed()
    }

    fn OnPropertyValueChanged(&self, _: &PCWSTR, _: &PROPERTYKEY) -> Result<()> {
        // Drivers change some all the time, and none that we list.
        Ok(())
    }
}

/// The sound system's news of its endpoints, until dropped.
struct EndpointNews {
    system: IMMDeviceEnumerator,
    heard: IMMNotificationClient,
}

impl EndpointNews {
    fn hear(ring: Sender<Ring>) -> Result<Self> {
        let heard: IMMNotificationClient = Endpoints(ring).into();
        // SAFETY: `heard` lives until `drop` has unregistered it. The threads of this process may use COM from here on,
        // whether they have said so or not.
        unsafe {
            CoIncrementMTAUsage()?;
            let system: IMMDeviceEnumerator = CoCreateInstance(&MMDeviceEnumerator, None, CLSCTX_ALL)?;
            system.RegisterEndpointNotificationCallback(&heard)?;
            Ok(Self { system, heard })
        }
    }
}

impl Drop for EndpointNews {
    fn drop(&mut self) {
        // SAFETY: registered by `hear`. Waits for call-backs that run; what was not registered any more calls nobody.
        let _ = unsafe { self.system.UnregisterEndpointNotificationCallback(&self.heard) };
    }
}

/// The two ends.
///
/// # Errors
/// What the system says.
pub fn bell() -> io::Result<(Bell, Ear)> {
    if !tells() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "this system does not tell of devices"));
    }
    let (ring, rings) = channel();
    // Without them a list that is open names the old default until something is plugged in.
    let endpoints = EndpointNews::hear(ring.clone())
        .map_err(|error| tracing::warn!(%error, "the sound system does not tell which device is the default"));
    let context = Box::into_raw(Box::new(ring.clone()));
    let mut ear = Ear { rings, registrations: Vec::new(), context, _endpoints: endpoints.ok() };
    for class in CLASSES {
        let mut filter = CM_NOTIFY_FILTER {
            cbSize: size_of::<CM_NOTIFY_FILTER>() as u32,
            FilterType: CM_NOTIFY_FILTER_TYPE_DEVICEINTERFACE,
            ..CM_NOTIFY_FILTER::default()
        };
        filter.u.DeviceInterface.ClassGuid = class;
        let mut handle = HCMNOTIFICATION::default();
        // SAFETY: `filter` and `handle` live as long as the call, `context` until `Ear` has unregistered the call-back.
        let result = unsafe { CM_Register_Notification(&filter, Some(context.cast()), Some(changed), &mut handle) };
        if result != CR_SUCCESS {
            // What is registered already is undone by `Ear`.
            return Err(io::Error::other(format!("CM_Register_Notification says {}", result.0)));
        }
        ear.registrations.push(handle);
    }
    Ok((Bell(ring), ear))
}

/// Whether the system has what is called here. Wine 8 has not, and ends a program that calls it all the same.
fn tells() -> bool {
    // SAFETY: a library that this program is linked with, so it is loaded already; a name that it lacks gives none.
    unsafe {
        LoadLibraryW(w!("cfgmgr32.dll"))
            .is_ok_and(|library| GetProcAddress(library, s!("CM_Register_Notification")).is_some())
    }
}

unsafe extern "system" fn changed(
    _: HCMNOTIFICATION,
    context: *const c_void,
    action: CM_NOTIFY_ACTION,
    _: *const CM_NOTIFY_EVENT_DATA,
    _: u32,
) -> u32 {
    if matches!(action, CM_NOTIFY_ACTION_DEVICEINTERFACEARRIVAL | CM_NOTIFY_ACTION_DEVICEINTERFACEREMOVAL) {
        // SAFETY: the context is the sender that `bell` registered; it outlives the registration.
        let ring = unsafe { &*context.cast::<Sender<Ring>>() };
        let _ = ring.send(Ring::Changed);
    }
    0
}

impl Ear {
    /// Waits for something to change. False when the bell is gone.
    pub fn wait(&mut self) -> bool {
        matches!(self.rings.recv(), Ok(Ring::Changed))
    }

    /// Whether something changes within this time.
    pub fn heard_within(&mut self, patience: Duration) -> bool {
        match self.rings.recv_timeout(patience) {
            Ok(Ring::Changed) => true,
            Ok(Ring::End) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        for handle in self.registrations.drain(..) {
            // SAFETY: registered by `bell` and not unregistered before. Waits for call-backs that run.
            unsafe { CM_Unregister_Notification(handle) };
        }
        // SAFETY: made by `Box::into_raw` in `bell`; nobody is called back any more.
        drop(unsafe { Box::from_raw(self.context) });
    }
}
