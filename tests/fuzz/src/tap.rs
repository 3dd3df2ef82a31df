//! A client's cryptography with a tap: what is let in there goes out under the keys that client and room agreed upon. So an insider
//! can be played, who has finished every handshake and is bound to nothing that follows it.
//!
//! RTP and RTCP: AES-256-GCM with the keys that DTLS exports (RFC 3711 section 4.3, RFC 7714), which is what two str0m agree upon.
//! SCTP: what DTLS carries besides.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use str0m::config::CryptoProvider;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion, SrtpProfile,
};
use str0m::crypto::{AeadAes256Gcm, AeadAes256GcmCipher, CryptoError};

/// The taps of all sessions that were made and not fetched yet, oldest first.
static TAPS: Mutex<Vec<Tap>> = Mutex::new(Vec::new());

/// From now on every transport has a tap, but those that are given a cryptography of their own, as a room's are.
pub fn install() {
    let with_taps = CryptoProvider { dtls_provider: &Tapping, ..str0m::crypto::from_feature_flags() };
    with_taps.install_process_default();
}

/// The taps of the transports that were made since they were fetched last, oldest first.
pub fn fetch() -> Vec<Tap> {
    std::mem::take(&mut *TAPS.lock().unwrap_or_else(PoisonError::into_inner))
}

#[derive(Debug)]
struct Tapping;

impl DtlsProvider for Tapping {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        str0m::crypto::from_feature_flags().dtls_provider.generate_certificate()
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let dtls = str0m::crypto::from_feature_flags().dtls_provider.new_dtls(cert, now, version, mtu)?;
        let tap = Tap(Arc::new(Mutex::new(Session { dtls, srtp: None, sctp: [0; 8], tsn: 0 })));
        TAPS.lock().unwrap_or_else(PoisonError::into_inner).push(tap.clone());
        Ok(Box::new(tap))
    }
}

/// The tap of one transport.
#[derive(Clone, Debug)]
pub struct Tap(Arc<Mutex<Session>>);

#[derive(Debug)]
struct Session {
    dtls: Box<dyn DtlsInstance>,
    /// As soon as DTLS has exported keys.
    srtp: Option<Srtp>,
    /// Ports and verification tag of the client's SCTP packets.
    sctp: [u8; 8],
    /// Number of the last piece of data it sent.
    tsn: u32,
}

impl Tap {
    fn session(&self) -> MutexGuard<'_, Session> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An RTP packet as a datagram. `index` is its sequence number with its turns (RFC 3711 section 3.3.1). None before the
    /// handshake is over, and where the packet is shorter than its header says.
    pub fn rtp(&self, index: u64, packet: &[u8]) -> Option<Vec<u8>> {
        let extension = match packet.get(12 + 4 * usize::from(packet.first()? & 0xf)..)? {
            [_, _, words @ ..] if packet[0] & 0x10 != 0 => {
                4 + 4 * usize::from(u16::from_be_bytes([*words.first()?, *words.get(1)?]))
            }
            _ => 0,
        };
        let header = 12 + 4 * usize::from(packet[0] & 0xf) + extension;
        let (header, payload) = packet.split_at_checked(header)?;
        let ssrc = u32::from_be_bytes(*packet[8..].first_chunk()?);
        Some(self.session().srtp.as_mut()?.rtp.seal(
            |salt| AeadAes256Gcm::rtp_iv(salt, ssrc, (index >> 16) as u32, index as u16),
            header,
            header,
            payload,
        ))
    }

    /// An RTCP packet as a datagram. None before the handshake is over, and where it is shorter than any.
    pub fn rtcp(&self, packet: &[u8]) -> Option<Vec<u8>> {
        let (header, rest) = packet.split_at_checked(8)?;
        let ssrc = u32::from_be_bytes(*packet[4..].first_chunk()?);
        let mut session = self.session();
        let srtp = session.srtp.as_mut()?;
        srtp.index += 1;
        let index = srtp.index;
        let encrypted = (index | 1 << 31).to_be_bytes();
        let authentic = [header, &encrypted].concat();
        let mut sealed = srtp.rtcp.seal(|salt| AeadAes256Gcm::rtcp_iv(salt, ssrc, index), header, &authentic, rest);
        sealed.extend(encrypted);
        Some(sealed)
    }

    /// An SCTP packet of these chunks as datagrams: none before the client's own first.
    pub fn sctp(&self, chunks: &[u8]) -> Vec<Vec<u8>> {
        let mut session = self.session();
        let mut packet = [&session.sctp[..], &[0; 4], chunks].concat();
        let sum = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&packet);
        packet[8..12].copy_from_slice(&sum.to_le_bytes());
        let (mut buffer, mut datagrams) = (vec![0; 2_000], Vec::new());
        if session.dtls.send_application_data(&packet).is_ok() {
            while let DtlsOutput::Packet(datagram) = session.dtls.poll_output(&mut buffer) {
                datagrams.push(datagram.to_vec());
            }
        }
        datagrams
    }

    /// Number of the last piece of data that the client itself sent over SCTP.
    pub fn tsn(&self) -> u32 {
        self.session().tsn
    }
}

impl DtlsInstance for Tap {
    fn set_active(&mut self, active: bool) {
        self.session().dtls.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.session().dtls.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let mut session = self.session();
        let active = session.dtls.is_active();
        let output = session.dtls.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(keys, profile) = &output {
            assert_eq!(*profile, SrtpProfile::AEAD_AES_256_GCM, "what two str0m prefer");
            session.srtp = Some(Srtp::new(keys, active));
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.session().dtls.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        let mut session = self.session();
        if let Some(header) = data.first_chunk() {
            session.sctp = *header;
        }
        // Type 0 is data (RFC 9260 section 3.3.1).
        if let Some([0, _, _, _, tsn @ ..]) = data.get(12..20) {
            session.tsn = u32::from_be_bytes(*tsn.first_chunk().expect("four of eight are left"));
        }
        session.dtls.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.session().dtls.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.session().dtls.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.session().dtls.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.session().dtls.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.session().dtls.close()
    }
}

/// What the client seals its media with.
#[derive(Debug)]
struct Srtp {
    rtp: Keys,
    rtcp: Keys,
    /// Of the last RTCP packet.
    index: u32,
}

#[derive(Debug)]
struct Keys {
    cipher: Box<dyn AeadAes256GcmCipher>,
    salt: [u8; 12],
}

impl Srtp {
    /// Of what DTLS exports: the keys of client and server, then their salts.
    fn new(exported: &[u8], active: bool) -> Self {
        let own = usize::from(!active);
        let (keys, salts) = exported.split_at(2 * AeadAes256Gcm::KEY_LEN);
        let key = &keys[own * AeadAes256Gcm::KEY_LEN..][..AeadAes256Gcm::KEY_LEN];
        let salt = &salts[own * AeadAes256Gcm::SALT_LEN..][..AeadAes256Gcm::SALT_LEN];
        // Labels of RFC 3711 section 4.3.2. The client itself counts its RTCP packets from 0: far from there.
        Self { rtp: Keys::derive(key, salt, 0, 2), rtcp: Keys::derive(key, salt, 3, 5), index: 1 << 24 }
    }
}

impl Keys {
    fn derive(master: &[u8], salt: &[u8], key_label: u8, salt_label: u8) -> Self {
        let srtp = str0m::crypto::from_feature_flags().srtp_provider;
        let derive = |label: u8| {
            let mut key = [0; 32];
            for (round, half) in key.chunks_exact_mut(16).enumerate() {
                let (mut input, mut output) = ([0; 16], [0; 32]);
                input[..salt.len()].copy_from_slice(salt);
                input[7] ^= label;
                input[15] = round as u8;
                srtp.srtp_aes_256_ecb_round(master, &input, &mut output);
                half.copy_from_slice(&output[..16]);
            }
            key
        };
        let salt = *derive(salt_label).first_chunk().expect("12 of 32 bytes");
        Self { cipher: srtp.aead_aes_256_gcm().create_cipher(derive(key_label), true), salt }
    }

    /// `head` as it is, then the secret part and its seal.
    fn seal(&mut self, iv: impl FnOnce([u8; 12]) -> [u8; 12], head: &[u8], authentic: &[u8], secret: &[u8]) -> Vec<u8> {
        let mut sealed = head.to_vec();
        sealed.resize(head.len() + secret.len() + AeadAes256Gcm::TAG_LEN, 0);
        self.cipher.encrypt(&iv(self.salt), authentic, secret, &mut sealed[head.len()..]).expect("room for the seal");
        sealed
    }
}
