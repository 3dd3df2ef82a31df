use super::*;

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("beckond.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn nothing_needs_to_be_configured() {
    let config = Config::load(None, &Flags::default()).unwrap();
    assert!(!config.dev && !config.login.test_logins && !config.guests.open && !config.web.demo);
    let dev = Config::load(None, &Flags { dev: true, ..Flags::default() }).unwrap();
    assert_eq!(dev.listen.to_string(), "127.0.0.1:8080");
    assert!(dev.login.test_logins && dev.guests.open && dev.web.demo);
}

#[test]
fn a_file_is_read_and_flags_go_before_it() {
    let (_folder, path) = file(
        "listen = \"10.0.0.1:80\"\n[[apps]]\nid = 5\nhmac_key = \"0123456789abcdef\"\n\
         [rooms]\nengine = \"livekit\"\nurl = \"https://lk.example.com\"\nkey = \"k\"\nsecret = \"s\"\n[media]\nudp_port = 9000\n",
    );
    let flags = Flags { listen: Some("127.0.0.1:0".parse().unwrap()), media_tcp: Some(0), ..Flags::default() };
    let config = Config::load(Some(&path), &flags).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:0");
    assert_eq!((config.media.udp_port, config.media.tcp_port), (9000, 0));
    assert_eq!(config.rooms.engine, EngineChoice::Livekit);
    assert_eq!(config.apps[0].id, 5);
    assert!(!format!("{config:?}").contains("0123456789abcdef"), "keys stay out of logs");
}

#[test]
fn what_does_not_fit_is_named() {
    for (text, named) in [
        ("listne = \"x\"", "listne"),
        ("dev = true", "dev"),
        ("listen = \"nowhere\"", "listen"),
        ("[rooms]\nengine = \"zoom\"", "engine"),
        ("[rooms]\nengine = \"livekit\"", "rooms.url"),
        ("[rooms]\nurl = \"https://lk.example.com\"", "rooms.url"),
        ("[rooms]\nkey = \"k\"", "rooms.secret"),
        ("[rooms]\nsecret = \"0123456789abcdef0123456789abcdef\"", "rooms.key"),
        ("[rooms]\nkey = \"k\"\nsecret = \"0123456789abcdef0123456789abcde\"", "rooms.secret"),
        ("public_url = \"https://a/b\"", "public_url"),
        ("[[apps]]\nhmac_key = \"0123456789abcdef\"", "apps"),
        ("[[apps]]\nid = 1\n[[apps]]\nid = 1", "apps"),
        ("trusted_proxies = [\"10.0.0.0/99\"]", "trusted_proxies"),
    ] {
        let (_folder, path) = file(text);
        let error = Config::load(Some(&path), &Flags::default()).unwrap_err().to_string();
        assert!(error.contains(named), "{text}: {error}");
    }
    let missing = Config::load(Some(Path::new("/nowhere/beckond.toml")), &Flags::default()).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/beckond.toml"));
}

#[test]
fn the_embedded_engine_has_its_own_key_and_secret_or_those_of_the_configuration() {
    let (folder, path) = file("[rooms]\nkey = \"APIours\"\nsecret = \"0123456789abcdef0123456789abcdef\"\n");
    let data = Flags { data: Some(folder.path().to_owned()), ..Flags::default() };
    let made = Config::load(None, &data).unwrap().keys().unwrap();
    let set = Config::load(Some(&path), &data).unwrap().keys().unwrap();
    assert_eq!((set.api_key.as_str(), set.api_secret.expose()), ("APIours", "0123456789abcdef0123456789abcdef"));
    assert_eq!(set.hmac_key, made.hmac_key, "the others stay");
    // Without them again: those that were made.
    let again = Config::load(None, &data).unwrap().keys().unwrap();
    assert_eq!((again.api_key, again.api_secret), (made.api_key, made.api_secret));
    // What everybody knows may be short.
    let (_folder, path) = file("[rooms]\nkey = \"k\"\nsecret = \"s\"\n");
    let dev = Config::load(Some(&path), &Flags { dev: true, ..data }).unwrap().keys().unwrap();
    assert_eq!((dev.api_key.as_str(), dev.api_secret.expose()), ("k", "s"));
}
